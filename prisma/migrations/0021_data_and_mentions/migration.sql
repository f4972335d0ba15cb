-- Custom data: the text of a JSON object, exactly as it is returned.
ALTER TABLE "users" ADD COLUMN "data" TEXT;
ALTER TABLE "channel" ADD COLUMN "data" TEXT;

-- A process of the release before writes none of these columns.
ALTER TABLE "entry"
    ADD COLUMN "data" TEXT,
    ADD COLUMN "mention_ids" UUID[] NOT NULL DEFAULT '{}',
    ADD COLUMN "mentions_all" BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN "revised_position" INTEGER;

ALTER TYPE "entry_kind" ADD VALUE 'NOTICE' AFTER 'TEXT';

-- Counted by channel, user and seq. A message that mentions every member has one row, of the user with the id of zeros.
CREATE TABLE "mention" (
    "channel_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "author_id" UUID NOT NULL,
    PRIMARY KEY ("channel_id", "user_id", "seq")
);

-- The data of a user is part of the profile.
DROP TRIGGER "users_changed" ON "users";
CREATE TRIGGER "users_changed" BEFORE UPDATE OF "name", "avatar_id", "email", "data" ON "users" FOR EACH ROW
    WHEN ((NEW."name", NEW."avatar_id", NEW."email", NEW."data")
        IS DISTINCT FROM (OLD."name", OLD."avatar_id", OLD."email", OLD."data"))
    EXECUTE FUNCTION "note_change"();
DROP TRIGGER "users_profile_changed" ON "users";
CREATE TRIGGER "users_profile_changed" AFTER UPDATE OF "name", "avatar_id", "data" ON "users" FOR EACH ROW
    WHEN ((NEW."name", NEW."avatar_id", NEW."data") IS DISTINCT FROM (OLD."name", OLD."avatar_id", OLD."data"))
    EXECUTE FUNCTION "note_profile_change"();
