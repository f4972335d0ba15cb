-- Places in the log with the rows that they changed: see api/bridge/tracking.ts. Null: written by a process of the release before, or
-- before this migration. No table is rewritten and no large one gets an index.
ALTER TABLE "channel"
    ADD COLUMN "log_partition" INTEGER,
    ADD COLUMN "log_offset" BIGINT,
    ADD COLUMN "changed_offset" BIGINT,
    ADD COLUMN "log_version" INTEGER,
    ADD COLUMN "tracked_from" BIGINT,
    ADD COLUMN "tracked_position" INTEGER;
ALTER TABLE "member" ADD COLUMN "log_offset" BIGINT;
ALTER TABLE "entry" ADD COLUMN "log_offset" BIGINT;

-- Changes of a user's own records. Triggers note them, also those that a process of the release before makes.
ALTER TABLE "users" ADD COLUMN "changed_at" TIMESTAMPTZ(3);
ALTER TABLE "seen_mark" ADD COLUMN "changed_at" TIMESTAMPTZ(3);
ALTER TABLE "seen_mark" ALTER COLUMN "changed_at" SET DEFAULT clock_timestamp();

CREATE FUNCTION "note_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_at := clock_timestamp();
    RETURN NEW;
END
$$;

CREATE TRIGGER "users_changed" BEFORE UPDATE OF "name", "avatar_id", "email" ON "users" FOR EACH ROW
    WHEN ((NEW."name", NEW."avatar_id", NEW."email") IS DISTINCT FROM (OLD."name", OLD."avatar_id", OLD."email"))
    EXECUTE FUNCTION "note_change"();
CREATE TRIGGER "seen_mark_changed" BEFORE UPDATE OF "seq" ON "seen_mark" FOR EACH ROW
    WHEN (NEW."seq" IS DISTINCT FROM OLD."seq") EXECUTE FUNCTION "note_change"();

CREATE TABLE "profile_change" (
    "channel_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "changed_at" TIMESTAMPTZ(3) NOT NULL,
    PRIMARY KEY ("channel_id", "user_id")
);
CREATE INDEX "profile_change_channel_id_changed_at_idx" ON "profile_change" ("channel_id", "changed_at");
CREATE INDEX "profile_change_changed_at_idx" ON "profile_change" ("changed_at");

CREATE FUNCTION "note_profile_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO profile_change (channel_id, user_id, changed_at)
    SELECT channel_id, NEW.id, clock_timestamp() FROM member WHERE user_id = NEW.id AND state = 'ACTIVE'
    ON CONFLICT (channel_id, user_id) DO UPDATE SET changed_at = excluded.changed_at;
    RETURN NULL;
END
$$;

CREATE TRIGGER "users_profile_changed" AFTER UPDATE OF "name", "avatar_id" ON "users" FOR EACH ROW
    WHEN ((NEW."name", NEW."avatar_id") IS DISTINCT FROM (OLD."name", OLD."avatar_id"))
    EXECUTE FUNCTION "note_profile_change"();

CREATE TABLE "block_end" (
    "blocker_id" UUID NOT NULL,
    "blocked_id" UUID NOT NULL,
    "ended_at" TIMESTAMPTZ(3) NOT NULL,
    PRIMARY KEY ("blocker_id", "blocked_id")
);
CREATE INDEX "block_end_ended_at_idx" ON "block_end" ("ended_at");

CREATE FUNCTION "note_block_end"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO block_end (blocker_id, blocked_id, ended_at) VALUES (OLD.blocker_id, OLD.blocked_id, clock_timestamp())
    ON CONFLICT (blocker_id, blocked_id) DO UPDATE SET ended_at = excluded.ended_at;
    RETURN NULL;
END
$$;

CREATE TRIGGER "block_deleted" AFTER DELETE ON "block" FOR EACH ROW EXECUTE FUNCTION "note_block_end"();

CREATE TABLE "membership_end" (
    "user_id" UUID NOT NULL,
    "channel_id" UUID NOT NULL,
    "ended_at" TIMESTAMPTZ(3) NOT NULL,
    PRIMARY KEY ("user_id", "channel_id")
);
CREATE INDEX "membership_end_ended_at_idx" ON "membership_end" ("ended_at");

CREATE FUNCTION "note_membership_end"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO membership_end (user_id, channel_id, ended_at) VALUES (OLD.user_id, OLD.channel_id, clock_timestamp())
    ON CONFLICT (user_id, channel_id) DO UPDATE SET ended_at = excluded.ended_at;
    RETURN NULL;
END
$$;

CREATE TRIGGER "member_deleted" AFTER DELETE ON "member" FOR EACH ROW EXECUTE FUNCTION "note_membership_end"();
