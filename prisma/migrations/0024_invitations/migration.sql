-- Invitations: members who were asked and have not accepted, or have declined. Everybody in a channel so far stays an active member.
ALTER TYPE "member_state" ADD VALUE 'INVITED';
ALTER TYPE "member_state" ADD VALUE 'DECLINED';
ALTER TABLE "member" ADD COLUMN "invited_by" UUID;

-- The other user of a direct channel is seen there before accepting. The new labels are read as text: this transaction cannot use them.
CREATE OR REPLACE FUNCTION "note_profile_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO profile_change (channel_id, user_id, changed_at)
    SELECT m.channel_id, NEW.id, clock_timestamp() FROM member m
    WHERE m.user_id = NEW.id AND (m.state = 'ACTIVE' OR (m.state::text IN ('INVITED', 'DECLINED')
        AND EXISTS (SELECT FROM channel c WHERE c.id = m.channel_id AND c.kind = 'DIRECT')))
    ON CONFLICT (channel_id, user_id) DO UPDATE SET changed_at = excluded.changed_at;
    RETURN NULL;
END
$$;
