import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp } from '../support/app.ts';
import { openSocket, post, type Result } from '../support/wire.ts';

let app: Awaited<ReturnType<typeof startApp>>;

beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.stop());

const query = 'mutation ($tags: [String!]!) { match(input: { tags: $tags }) { id } }';
/** graphql-js describes 50 wrong values; one more error says that there are others. */
const maxErrors = 51;

test('a list of wrong variables over HTTP yields few errors', async () => {
  const response = await post(app.url, { query, variables: { tags: Array(60_000).fill(1) } });
  expect((response.json() as Result).errors).toHaveLength(maxErrors);
});

test('a list of wrong variables over a WebSocket yields few errors', async () => {
  const raw = await openSocket(app.url);
  raw.subscribe('1', query, { tags: Array(50_000).fill(1) });
  const { payload } = await raw.next();
  expect(payload).toMatchObject({ errors: { length: maxErrors } });
  raw.socket.close();
});
