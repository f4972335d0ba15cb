import { createSchema } from 'graphql-yoga';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sizeOf } from '../../api/gateway/graphql/response-size.ts';
import { maxResponseBytes } from '../../api/gateway/request-limits.ts';
import type { Context } from '../../schema/context.ts';
import { startGateway } from '../support/gateway.ts';
import { executeFailing, openSocket, post } from '../support/wire.ts';

const megabyte = 'x'.repeat(1_000_000);
const schema = createSchema<Context>({
  typeDefs: 'type Query { megabytes(count: Int!): [String!]! }',
  resolvers: { Query: { megabytes: (_root: unknown, { count }: { count: number }) => Array(count).fill(megabyte) } },
});
let running: Awaited<ReturnType<typeof startGateway>>;
beforeAll(async () => {
  running = await startGateway({ schema });
});
afterAll(() => running.gateway.stop());

const tooLarge = { code: 'TOO_LARGE', limit: maxResponseBytes };

test('a response above the limit is replaced by an error, over HTTP and WebSockets', async () => {
  const { url } = running;
  expect((await executeFailing(url, '{ megabytes(count: 9) }')).extensions).toMatchObject(tooLarge);
  const socket = await openSocket(url);
  socket.subscribe('1', '{ megabytes(count: 9) }');
  expect(await socket.next()).toMatchObject({ payload: { errors: [{ extensions: tooLarge }] } });
  socket.socket.terminate();
});

test('the results of a batch share the limit', async () => {
  const query = '{ megabytes(count: 2) }';
  const response = await post(running.url, [{ query }, { query }, { query }]);
  const results = response.json() as { data?: unknown; errors?: object[] }[];
  expect(results.filter(({ errors }) => errors)).toMatchObject([{ errors: [{ extensions: tooLarge }] }]);
});

test('the size of a value is that of its JSON, and is measured up to the limit only', () => {
  const value = { a: [1, null, true, 'é'], b: { c: 'text' } };
  const bytes = Buffer.byteLength(JSON.stringify(value));
  expect(sizeOf(value, 1_000)).toBeGreaterThanOrEqual(bytes);
  expect(sizeOf(value, 1_000)).toBeLessThan(bytes + 10);
  expect(sizeOf(Array(1_000_000).fill('x'), 10)).toBeLessThan(20);
});
