CREATE TABLE "password_reset" (
    "hash" BYTEA PRIMARY KEY,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
    "expires_at" TIMESTAMPTZ(3) NOT NULL
);
CREATE INDEX "password_reset_user_id_idx" ON "password_reset" ("user_id");
CREATE INDEX "password_reset_expires_at_idx" ON "password_reset" ("expires_at");
