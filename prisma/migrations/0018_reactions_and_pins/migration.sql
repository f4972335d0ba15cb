-- Reactions to and pins of messages. No table is rewritten, and the index of pins is empty.
ALTER TABLE "entry"
    ADD COLUMN "reactions" JSONB NOT NULL DEFAULT '[]',
    ADD COLUMN "pinned_at" TIMESTAMPTZ(3);
CREATE INDEX "entry_pinned_idx" ON "entry" ("channel_id", "pinned_at") WHERE "pinned_at" IS NOT NULL;

CREATE TABLE "reaction" (
    "message_id" UUID NOT NULL REFERENCES "entry" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    "emoji" TEXT NOT NULL,
    "user_id" UUID NOT NULL,
    "place" BIGINT GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY ("message_id", "emoji", "user_id")
);
CREATE INDEX "reaction_message_id_emoji_place_idx" ON "reaction" ("message_id", "emoji", "place");
