CREATE TABLE "server_secret" (
    "name" TEXT PRIMARY KEY,
    "value" BYTEA NOT NULL
);
