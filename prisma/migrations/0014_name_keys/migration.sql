-- Keys by which searches compare names: see api/text/comparison-key.ts. Null until the cleanup computes the key of a name from
-- before this migration, or from a process of the previous release: until then the name in lower case stands for it.
ALTER TABLE "users" ADD COLUMN "name_key" TEXT;
ALTER TABLE "channel" ADD COLUMN "name_key" TEXT;

-- A process of the previous release changes names without their keys.
CREATE FUNCTION "forget_name_key"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.name_key := NULL;
    RETURN NEW;
END
$$;

CREATE TRIGGER "users_renamed" BEFORE UPDATE OF "name" ON "users" FOR EACH ROW
    WHEN (NEW."name" IS DISTINCT FROM OLD."name" AND NEW."name_key" IS NOT DISTINCT FROM OLD."name_key")
    EXECUTE FUNCTION "forget_name_key"();
CREATE TRIGGER "channel_renamed" BEFORE UPDATE OF "name" ON "channel" FOR EACH ROW
    WHEN (NEW."name" IS DISTINCT FROM OLD."name" AND NEW."name_key" IS NOT DISTINCT FROM OLD."name_key")
    EXECUTE FUNCTION "forget_name_key"();

-- A process that writes keys may give a name another case, whose key is the same. Triggers run in the order of their names.
CREATE FUNCTION "keep_name_key"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.name_key := OLD.name_key;
    RETURN NEW;
END
$$;

CREATE TRIGGER "users_renamed_with_key" BEFORE UPDATE OF "name_key" ON "users" FOR EACH ROW
    WHEN (NEW."name_key" IS NULL AND NEW."name" IS NOT NULL) EXECUTE FUNCTION "keep_name_key"();
CREATE TRIGGER "channel_renamed_with_key" BEFORE UPDATE OF "name_key" ON "channel" FOR EACH ROW
    WHEN (NEW."name_key" IS NULL AND NEW."name" IS NOT NULL) EXECUTE FUNCTION "keep_name_key"();

-- The index by the lower case of names stays for processes of the previous release.
CREATE INDEX "users_name_key_idx" ON "users" ((coalesce("name_key", lower("name")) COLLATE "C"), "id");
CREATE INDEX "users_without_name_key_idx" ON "users" ("id") WHERE "name_key" IS NULL;
CREATE INDEX "channel_without_name_key_idx" ON "channel" ("id") WHERE "name_key" IS NULL AND "name" IS NOT NULL;
