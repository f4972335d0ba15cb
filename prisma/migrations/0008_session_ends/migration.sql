ALTER TABLE "session" ADD COLUMN "place" BYTEA;
CREATE INDEX "session_last_used_at_idx" ON "session" ("last_used_at");
CREATE INDEX "session_revoked_at_idx" ON "session" ("revoked_at") WHERE "revoked_at" IS NOT NULL;
CREATE INDEX "refresh_token_created_at_idx" ON "refresh_token" ("created_at");
