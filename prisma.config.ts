import { defineConfig } from 'prisma/config';

// `prisma generate` looks for an engine that it does not run; any executable satisfies it, so that
// installing needs no download.
process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ??= process.execPath;

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
});
