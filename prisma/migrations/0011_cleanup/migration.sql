CREATE TABLE "lease" (
    "name" TEXT PRIMARY KEY,
    "holder" UUID NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL
);

CREATE TABLE "cleanup_job" (
    "name" TEXT PRIMARY KEY,
    "cursor" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "completed_at" TIMESTAMPTZ(3)
);

-- Bytes of all rows of upload and upload_ticket, spread over rows that transactions of different connections seldom share.
CREATE TABLE "stored_bytes" (
    "slot" INTEGER PRIMARY KEY,
    "bytes" BIGINT NOT NULL
);

CREATE FUNCTION "count_stored_bytes"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    total BIGINT;
BEGIN
    SELECT coalesce(sum(byte_size), 0) INTO total FROM changed;
    IF total > 0 THEN
        INSERT INTO stored_bytes (slot, bytes)
        VALUES (pg_backend_pid() % 16, CASE TG_OP WHEN 'DELETE' THEN -total ELSE total END)
        ON CONFLICT (slot) DO UPDATE SET bytes = stored_bytes.bytes + excluded.bytes;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER "upload_inserted" AFTER INSERT ON "upload" REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION "count_stored_bytes"();
CREATE TRIGGER "upload_deleted" AFTER DELETE ON "upload" REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION "count_stored_bytes"();
CREATE TRIGGER "upload_ticket_inserted" AFTER INSERT ON "upload_ticket" REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION "count_stored_bytes"();
CREATE TRIGGER "upload_ticket_deleted" AFTER DELETE ON "upload_ticket" REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION "count_stored_bytes"();

-- The triggers have locked both tables against writes, so the sum is complete. The slot is one that no connection uses.
INSERT INTO "stored_bytes" ("slot", "bytes")
SELECT -1, (SELECT coalesce(sum("byte_size"), 0) FROM "upload") + (SELECT coalesce(sum("byte_size"), 0) FROM "upload_ticket");

-- Removing a user checks that no member refers to it, in any state.
CREATE INDEX "member_user_id_any_state_idx" ON "member" ("user_id");

CREATE INDEX "refresh_token_used_at_idx" ON "refresh_token" ("used_at") WHERE "used_at" IS NOT NULL;
CREATE INDEX "match_claim_ended_at_idx" ON "match_claim" ("ended_at") WHERE "ended_at" IS NOT NULL;
CREATE INDEX "channel_closed_match_idx" ON "channel" ("closed_at") WHERE "kind" = 'MATCH' AND "closed_at" IS NOT NULL;
