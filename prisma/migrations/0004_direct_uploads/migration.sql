CREATE TABLE "upload_ticket" (
    "id" UUID PRIMARY KEY,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
    "channel_id" UUID,
    "filename" TEXT NOT NULL,
    "byte_size" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL
);
CREATE INDEX "upload_ticket_created_at_idx" ON "upload_ticket" ("created_at");
