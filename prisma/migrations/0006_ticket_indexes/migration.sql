CREATE INDEX "upload_ticket_user_id_idx" ON "upload_ticket" ("user_id");
CREATE INDEX "upload_ticket_channel_id_idx" ON "upload_ticket" ("channel_id");
