-- The ledger of erased users: see docs/decisions/0071-erasure.md.
CREATE TABLE "user_erasure" (
    "user_id" UUID PRIMARY KEY,
    "erased_at" TIMESTAMPTZ(3) NOT NULL,
    "step" TEXT,
    "cursor" TEXT,
    "completed_at" TIMESTAMPTZ(3)
);
CREATE INDEX "user_erasure_unfinished_idx" ON "user_erasure" ("user_id") WHERE "completed_at" IS NULL;

-- Nothing gives an erased user a profile again: neither a request that was under way, nor an event that names the user. Columns that
-- the table does not have are ignored.
CREATE FUNCTION "keep_erased"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM user_erasure WHERE user_id = NEW.id) THEN
        NEW := jsonb_populate_record(NEW, '{
            "name": "", "name_key": "", "email": null, "password_hash": null, "avatar_id": null, "data": null,
            "is_moderator": false, "last_seen_at": null
        }');
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER "users_erased" BEFORE INSERT OR UPDATE ON "users" FOR EACH ROW EXECUTE FUNCTION "keep_erased"();
