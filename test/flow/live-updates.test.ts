import { beforeAll } from 'vitest';
import { startApp } from '../support/app.ts';
import { describeUpdates } from './live-updates.ts';

let url: string;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  return app.stop;
});

describeUpdates(() => url);
