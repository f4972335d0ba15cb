-- The member's own record of a channel: see api/domain/own-records.ts. "joined_seq" names the membership that it belongs to. Null: written
-- by a process of the release before. No table is rewritten.
CREATE TYPE "notify_level" AS ENUM ('ALL', 'MENTIONS', 'NOTHING');
ALTER TABLE "seen_mark"
    ADD COLUMN "joined_seq" INTEGER,
    ADD COLUMN "notify" "notify_level" NOT NULL DEFAULT 'ALL',
    ADD COLUMN "pinned" BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN "archived_seq" INTEGER;

DROP TRIGGER "seen_mark_changed" ON "seen_mark";
CREATE TRIGGER "seen_mark_changed" BEFORE UPDATE ON "seen_mark" FOR EACH ROW
    WHEN ((NEW."joined_seq", NEW."seq", NEW."notify", NEW."pinned", NEW."archived_seq")
        IS DISTINCT FROM (OLD."joined_seq", OLD."seq", OLD."notify", OLD."pinned", OLD."archived_seq"))
    EXECUTE FUNCTION "note_change"();
