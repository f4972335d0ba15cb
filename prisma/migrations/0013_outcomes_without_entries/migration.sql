ALTER TABLE "outcome" ADD COLUMN "entry_id" uuid, ALTER COLUMN "body" DROP NOT NULL;
