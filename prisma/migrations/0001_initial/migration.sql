CREATE TYPE "channel_kind" AS ENUM ('ROOM', 'DIRECT', 'MATCH');
CREATE TYPE "visibility" AS ENUM ('PUBLIC', 'PRIVATE');
CREATE TYPE "member_role" AS ENUM ('OWNER', 'MODERATOR', 'MEMBER');
CREATE TYPE "member_state" AS ENUM ('ACTIVE', 'LEFT', 'REMOVED');
CREATE TYPE "entry_kind" AS ENUM ('TEXT', 'JOINED', 'LEFT', 'REMOVED');
CREATE TYPE "match_end_reason" AS ENUM ('LEFT', 'PARTNER_LEFT', 'PARTNER_GONE', 'EXPIRED');

CREATE TABLE "users" (
    "id" UUID PRIMARY KEY,
    "name" TEXT NOT NULL,
    "email" TEXT,
    "password_hash" TEXT,
    "is_moderator" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "last_seen_at" TIMESTAMPTZ(3)
);
CREATE UNIQUE INDEX "users_email_key" ON "users" ("email") WHERE "password_hash" IS NOT NULL;
CREATE INDEX "users_name_idx" ON "users" ((lower("name") COLLATE "C"), "id");

CREATE TABLE "session" (
    "id" UUID PRIMARY KEY,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
    "device" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "last_used_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3)
);
CREATE INDEX "session_user_id_idx" ON "session" ("user_id");

CREATE TABLE "refresh_token" (
    "hash" BYTEA PRIMARY KEY,
    "session_id" UUID NOT NULL REFERENCES "session" ("id") ON DELETE CASCADE,
    "parent" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3)
);
CREATE INDEX "refresh_token_session_id_idx" ON "refresh_token" ("session_id");
CREATE INDEX "refresh_token_parent_idx" ON "refresh_token" ("parent");

CREATE TABLE "channel" (
    "id" UUID PRIMARY KEY,
    "kind" "channel_kind" NOT NULL,
    "visibility" "visibility" NOT NULL,
    "name" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "closed_at" TIMESTAMPTZ(3),
    "seq" INTEGER NOT NULL DEFAULT 0,
    "position" INTEGER NOT NULL DEFAULT 0,
    "trimmed_position" INTEGER NOT NULL DEFAULT 0,
    "version" INTEGER NOT NULL DEFAULT 0,
    "member_count" INTEGER NOT NULL DEFAULT 0,
    "last_activity_at" TIMESTAMPTZ(3) NOT NULL
);
CREATE INDEX "channel_listed_idx" ON "channel" ("last_activity_at" DESC, "id" DESC)
    WHERE "kind" = 'ROOM' AND "visibility" = 'PUBLIC' AND "closed_at" IS NULL;

CREATE TABLE "member" (
    "channel_id" UUID NOT NULL REFERENCES "channel" ("id") ON DELETE CASCADE,
    "user_id" UUID NOT NULL REFERENCES "users" ("id"),
    "role" "member_role" NOT NULL,
    "state" "member_state" NOT NULL,
    "joined_at" TIMESTAMPTZ(3) NOT NULL,
    "joined_seq" INTEGER NOT NULL,
    "revision" INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY ("channel_id", "user_id")
);
CREATE INDEX "member_user_id_idx" ON "member" ("user_id") WHERE "state" = 'ACTIVE';
CREATE INDEX "member_order_idx" ON "member" ("channel_id", "joined_at", "user_id") WHERE "state" = 'ACTIVE';

CREATE TABLE "entry" (
    "id" UUID PRIMARY KEY,
    "channel_id" UUID NOT NULL REFERENCES "channel" ("id") ON DELETE CASCADE,
    "author_id" UUID NOT NULL REFERENCES "users" ("id"),
    "kind" "entry_kind" NOT NULL,
    "client_id" TEXT,
    "seq" INTEGER NOT NULL,
    "position" INTEGER NOT NULL,
    "text" TEXT NOT NULL,
    "reply_to_id" UUID,
    "sent_at" TIMESTAMPTZ(3) NOT NULL,
    "edited_at" TIMESTAMPTZ(3),
    "deleted_at" TIMESTAMPTZ(3),
    "revision" INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX "entry_channel_id_seq_key" ON "entry" ("channel_id", "seq");
CREATE UNIQUE INDEX "entry_channel_id_position_key" ON "entry" ("channel_id", "position");

CREATE TABLE "outcome" (
    "event_id" UUID PRIMARY KEY,
    "body" JSONB NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL
);
CREATE INDEX "outcome_expires_at_idx" ON "outcome" ("expires_at");

CREATE TABLE "log_position" (
    "log" TEXT NOT NULL,
    "partition" INTEGER NOT NULL,
    "next_offset" BIGINT NOT NULL,
    PRIMARY KEY ("log", "partition")
);

CREATE TABLE "seen_mark" (
    "channel_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    PRIMARY KEY ("channel_id", "user_id")
);

CREATE TABLE "match_claim" (
    "ticket_id" UUID PRIMARY KEY,
    "user_id" UUID NOT NULL,
    "partner_id" UUID NOT NULL,
    "channel_id" UUID NOT NULL,
    "claimed_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "end_reason" "match_end_reason"
);
CREATE UNIQUE INDEX "match_claim_open_key" ON "match_claim" ("user_id") WHERE "ended_at" IS NULL;
CREATE INDEX "match_claim_user_id_claimed_at_idx" ON "match_claim" ("user_id", "claimed_at" DESC);
CREATE INDEX "match_claim_channel_id_idx" ON "match_claim" ("channel_id");
