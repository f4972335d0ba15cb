-- Rules of rooms, with the defaults that hold for channels opened before. No table is rewritten.
ALTER TABLE "channel"
    ADD COLUMN "description" TEXT,
    ADD COLUMN "send_role" "member_role" NOT NULL DEFAULT 'MEMBER',
    ADD COLUMN "attach_role" "member_role" NOT NULL DEFAULT 'MEMBER',
    ADD COLUMN "invite_role" "member_role" NOT NULL DEFAULT 'MEMBER',
    ADD COLUMN "pin_role" "member_role" NOT NULL DEFAULT 'MODERATOR',
    ADD COLUMN "slow_mode_seconds" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "member"
    ADD COLUMN "muted_until" TIMESTAMPTZ(3),
    ADD COLUMN "banned_at" TIMESTAMPTZ(3),
    ADD COLUMN "last_sent_at" TIMESTAMPTZ(3);

-- Messages of a banned user that are still to be deleted; see api/bridge/purges.ts.
CREATE TABLE "purge" (
    "channel_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,
    "below_seq" INTEGER NOT NULL,
    PRIMARY KEY ("channel_id", "user_id")
);
