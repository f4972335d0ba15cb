-- Null while the user is not suspended; a suspension without an end lasts for good.
ALTER TABLE "users" ADD COLUMN "suspended_at" TIMESTAMPTZ(3), ADD COLUMN "suspended_until" TIMESTAMPTZ(3);

CREATE TABLE "suspended_place" (
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
    "place" BYTEA NOT NULL,
    "suspended_at" TIMESTAMPTZ(3) NOT NULL,
    PRIMARY KEY ("user_id", "place")
);
CREATE INDEX "suspended_place_suspended_at_idx" ON "suspended_place" ("suspended_at");

CREATE TABLE "audit" (
    "id" UUID NOT NULL PRIMARY KEY,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "act" TEXT NOT NULL,
    "actor_id" UUID,
    "user_id" UUID,
    "channel_id" UUID,
    "message_id" UUID,
    "until" TIMESTAMPTZ(3),
    "reason" TEXT
);
CREATE INDEX "audit_at_id_idx" ON "audit" ("at", "id");
CREATE INDEX "audit_user_id_at_idx" ON "audit" ("user_id", "at");

CREATE TYPE "report_action" AS ENUM ('DISMISS', 'DELETE_MESSAGE', 'SUSPEND_USER');

CREATE TABLE "report" (
    "id" UUID NOT NULL PRIMARY KEY,
    "reporter_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
    "channel_id" UUID,
    "message_id" UUID,
    "text" TEXT,
    "reason" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "resolved_at" TIMESTAMPTZ(3),
    "resolved_by_id" UUID,
    "action" "report_action",
    "note" TEXT
);
-- One open report for each reporter and subject: a message, or a user.
CREATE UNIQUE INDEX "report_open_subject_idx" ON "report" ("reporter_id", (coalesce("message_id", "user_id")))
    WHERE "resolved_at" IS NULL;
CREATE INDEX "report_open_idx" ON "report" ("created_at", "id") WHERE "resolved_at" IS NULL;
CREATE INDEX "report_resolved_idx" ON "report" ("created_at", "id") WHERE "resolved_at" IS NOT NULL;
CREATE INDEX "report_resolved_at_idx" ON "report" ("resolved_at");
CREATE INDEX "report_reporter_id_idx" ON "report" ("reporter_id");
CREATE INDEX "report_user_id_idx" ON "report" ("user_id");
