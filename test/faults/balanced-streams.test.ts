import { createClient } from 'graphql-sse';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Balancer, startBalancer } from '../support/balancer.ts';
import { startGateway } from '../support/gateway.ts';

const gateways: Awaited<ReturnType<typeof startGateway>>[] = [];
let balancer: Balancer;

beforeAll(async () => {
  for (let n = 0; n < 2; n++) gateways.push(await startGateway());
  const [first, second] = gateways.map(({ gateway }) => `127.0.0.1:${gateway.port()}`);
  balancer = await startBalancer([String(first), String(second)]);
  await vi.waitFor(async () => expect((await fetch(`${balancer.url}/health`)).status).toBe(200));
});
afterAll(async () => {
  await balancer?.stop();
  for (const { gateway } of gateways) await gateway.stop();
});

/** Creates a client of graphql-sse that tries nothing again, and runs operations as the balancer's only user. */
function connect() {
  const client = createClient({ url: `${balancer.url}/graphql`, singleConnection: true, retryAttempts: 0 });
  return {
    dispose: client.dispose,
    async first(query: string): Promise<unknown> {
      for await (const { data } of client.iterate({ query })) return Object.values(data ?? {})[0];
      return null;
    },
    hold(query: string): Promise<void> {
      return new Promise((resolve, reject) => {
        client.subscribe({ query }, { next: () => resolve(), error: reject, complete: () => {} });
      });
    },
  };
}

const streamCounts = () => gateways.map(({ gateway }) => gateway.eventStreams());

test('all requests of an event stream reach its gateway, which is not the same for all streams', async () => {
  const clients = Array.from({ length: 6 }, connect);
  for (const { hold } of clients) await hold('subscription { forever }');
  expect(streamCounts().toSorted()).not.toEqual([0, 6]);
  for (const { first } of clients) for (let n = 0; n < 4; n++) expect(await first(`{ count(value: ${n}) }`)).toBe(n);
  for (const { dispose } of clients) dispose();
});

test('the token of an event stream may be in the URL', async () => {
  const url = `${balancer.url}/graphql`;
  for (let n = 0; n < 4; n++) {
    const token = await (await fetch(url, { method: 'PUT' })).text();
    const address = `${url}?token=${token}`;
    const controller = new AbortController();
    const headers = { accept: 'text/event-stream' };
    expect((await fetch(address, { headers, signal: controller.signal })).status).toBe(200);
    expect((await fetch(`${address}&operationId=1`, { method: 'DELETE' })).status).toBe(200);
    controller.abort();
  }
});
