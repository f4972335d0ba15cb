CREATE TABLE "upload" (
    "id" UUID PRIMARY KEY,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
    "channel_id" UUID,
    "filename" TEXT NOT NULL,
    "mimetype" TEXT NOT NULL,
    "byte_size" INTEGER NOT NULL,
    "width" INTEGER,
    "height" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL
);
CREATE INDEX "upload_user_id_idx" ON "upload" ("user_id");
CREATE INDEX "upload_channel_id_idx" ON "upload" ("channel_id");
CREATE INDEX "upload_created_at_idx" ON "upload" ("created_at");

CREATE TABLE "attachment" (
    "id" UUID PRIMARY KEY,
    "message_id" UUID NOT NULL
);
CREATE INDEX "attachment_message_id_idx" ON "attachment" ("message_id");

ALTER TABLE "entry" ADD COLUMN "attachments" JSONB NOT NULL DEFAULT '[]';
ALTER TABLE "users" ADD COLUMN "avatar_id" UUID;
