import { beforeAll } from 'vitest';
import { startApp } from '../support/app.ts';
import { describePagesAround } from './pages-around.ts';

let url: string;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  return app.stop;
});

describePagesAround(() => url);
