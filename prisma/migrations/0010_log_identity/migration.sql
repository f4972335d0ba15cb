-- Null: written by a process that does not know these columns. The next batch or assignment fills them in.
ALTER TABLE "log_position"
    ADD COLUMN "last_offset" BIGINT,
    ADD COLUMN "last_record" TEXT,
    ADD COLUMN "log_id" TEXT,
    ADD COLUMN "bridge_id" UUID,
    ADD COLUMN "replay_to" BIGINT;

CREATE TABLE "event_log" (
    "name" TEXT PRIMARY KEY,
    "partitions" INTEGER NOT NULL
);

CREATE TABLE "bridge" (
    "id" UUID PRIMARY KEY,
    "log" TEXT NOT NULL,
    "wire_version" INTEGER NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL
);

CREATE INDEX "channel_open_match_idx" ON "channel" ("id") WHERE "kind" = 'MATCH' AND "closed_at" IS NULL;
