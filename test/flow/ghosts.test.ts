import { beforeAll } from 'vitest';
import { startApp } from '../support/app.ts';
import { testGhosts } from './ghosts.ts';

let url: string;

beforeAll(async () => {
  const app = await startApp({ MATCH_LEASE_MS: '600000', MATCH_ABSENCE_MS: '500' });
  ({ url } = app);
  return app.stop;
});

testGhosts(() => [url, url]);
