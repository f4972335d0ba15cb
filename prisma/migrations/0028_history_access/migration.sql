-- History that new members of a room can read. No table is rewritten: the defaults are constants.
CREATE TYPE "history_access" AS ENUM ('ALL', 'SINCE_JOINED');
ALTER TABLE "channel" ADD COLUMN "history" "history_access" NOT NULL DEFAULT 'ALL';
ALTER TABLE "member" ADD COLUMN "readable_from" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "member" ADD COLUMN "readable_position" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "member" ADD COLUMN "readable_offset" BIGINT;
