-- Entries up to this seq were removed because of their age: see api/bridge/trim.ts. No table is rewritten.
ALTER TABLE "channel" ADD COLUMN "trimmed_seq" INTEGER NOT NULL DEFAULT 0;
