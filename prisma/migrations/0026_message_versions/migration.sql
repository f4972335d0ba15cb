-- Earlier texts of messages that were edited.
CREATE TABLE "message_version" (
    "message_id" UUID NOT NULL REFERENCES "entry" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    "revision" INTEGER NOT NULL,
    "text" TEXT NOT NULL,
    "replaced_at" TIMESTAMPTZ(3) NOT NULL,
    PRIMARY KEY ("message_id", "revision")
);
