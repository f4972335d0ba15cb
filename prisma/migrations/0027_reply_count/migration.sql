-- Numbers of replies. The table is not rewritten; the index and the update take replies and the messages that have some, and nothing else.
CREATE INDEX "entry_reply_to_id_seq_idx" ON "entry" ("reply_to_id", "seq") WHERE "reply_to_id" IS NOT NULL;
ALTER TABLE "entry" ADD COLUMN "reply_count" INTEGER NOT NULL DEFAULT 0;
UPDATE "entry" SET "reply_count" = r."count"
FROM (
    SELECT "reply_to_id", count(*)::int AS "count" FROM "entry"
    WHERE "reply_to_id" IS NOT NULL AND "deleted_at" IS NULL GROUP BY "reply_to_id") r
WHERE "entry"."id" = r."reply_to_id";
