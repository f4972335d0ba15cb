CREATE TABLE "block" (
    "blocker_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
    "blocked_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    PRIMARY KEY ("blocker_id", "blocked_id")
);
CREATE INDEX "block_blocked_id_idx" ON "block" ("blocked_id");
