-- Network that a refresh token was issued to, as in "session": see api/domain/refresh-tokens.ts. Null for tokens of former releases.
ALTER TABLE "refresh_token" ADD COLUMN "place" BYTEA;
