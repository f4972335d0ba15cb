import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { followMessages, guest, type Person, socket } from '../support/client.ts';
import { countStatements } from '../support/counting.ts';
import { fetchMetric, fetchProbe } from '../support/probes.ts';
import { openSocket } from '../support/wire.ts';

let url: string;
let ada: Person;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  ada = await guest(url, 'Ada');
  return app.stop;
});

/** Creates a room of Ada's with this many other members, whose subscriptions are live. */
async function followedRoom(members: number) {
  const { id } = (await ada.ask('mutation { createRoom(input: { name: "Hall" }) { id } }')).createRoom;
  const people = await Promise.all(Array.from({ length: members }, (_, n) => guest(url, `Guest ${n}`)));
  await Promise.all(people.map((one) => one.ask('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id })));
  const clients = people.map(({ token }) => socket(url, token));
  const followed = clients.map((client) => followMessages(client, id, 0));
  const reached = (seq: number) =>
    vi.waitFor(() => {
      for (const { received } of followed) expect(received.at(-1)?.seq).toBe(seq);
    });
  await reached(members + 1);
  return { id, followed, reached, stop: () => Promise.all(clients.map((client) => client.dispose())) };
}

/** Value of a server's metric. */
const readMetric = (name: string, address = url) => fetchMetric(address, name);

/** Names of the metrics in a text, without those of Node.js. */
const namesIn = (text: string, pattern: RegExp) => new Set([...text.matchAll(pattern)].map(([, name]) => name));

it('docs/operations.md explains every metric, and no other one', async () => {
  const docs = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const rows = (docs.split('| metric | meaning, and action |')[1]?.split('\n\n')[0] ?? '').split('\n').slice(2);
  const named = rows.map((row) => row.split('|').map((cell) => cell.trim()));
  const served = await (await fetchProbe(url, 'metrics')).text();
  const explained = namesIn(named.map(([, names]) => names).join(), /`(parley_\w+)`/g);
  expect([...explained].sort()).toEqual([...namesIn(served, /^# TYPE (parley_\w+) /gm)].sort());
  for (const [, names, meaning] of named) expect([names, meaning].every((cell) => cell)).toBe(true);
  for (const [, labels] of served.matchAll(/^parley_\w+\{(.+)\} /gm)) expect(labels).toMatch(/^[a-z]+="[a-z_-]+"$/i);
});

const executions = () => readMetric('executions_total');

describe('a delivery', () => {
  it('is counted once for each receiver', async () => {
    const room = await followedRoom(4);
    const before = await readMetric('deliveries_total');
    const send = 'mutation ($id: ID!) { send(input: { channelId: $id, text: "Hello" }) { message { seq } } }';
    await room.reached((await ada.ask(send, { id: room.id })).send.message.seq);
    expect((await readMetric('deliveries_total')) - before).toBe(4);
    expect(await readMetric('feed_lag')).toBe(0);
    expect(await readMetric('feed_gaps_filled_total')).toBe(0);
    await room.stop();
  });
});

describe('a client that does not read', () => {
  const query = `subscription ($id: ID!) { messages(channelId: $id) { ${Array.from({ length: 25 }, (_, n) => `t${n}: text`).join(' ')} } }`;

  it.each([
    ['a socket', { MAX_SOCKET_BUFFER_BYTES: '100000', FLUSH_WINDOW_MS: '0' }, 1013],
    ['the server', { MAX_NODE_BUFFER_BYTES: '400000', FLUSH_WINDOW_MS: '5' }, 1006],
  ])('is disconnected above the limit of %s, and others get everything', async (_limit, environment, code) => {
    const app = await startApp(environment);
    const host = await guest(app.url, 'Host');
    const { id } = (await host.ask('mutation { createRoom(input: { name: "Hall" }) { id } }')).createRoom;
    const open = () => openSocket(app.url, { token: host.token });
    const [stalled, healthy] = [await open(), await open()];
    for (const { subscribe } of [stalled, healthy]) subscribe('1', query, { id });
    await vi.waitFor(async () => expect(await readMetric('audiences', app.url)).toBe(1));
    stalled.socket.pause();
    const send =
      'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id } } }';
    const slowCloses = () => readMetric('slow_closes_total', app.url);
    let sent = 0;
    while ((await slowCloses()) === 0) {
      for (let n = 0; n < 5; n++, sent++) await host.ask(send, { id, text: 'x'.repeat(4_000) });
      for (let n = 0; n < 5; n++) expect((await healthy.next()).payload?.data).toBeTruthy();
    }
    expect(sent).toBeGreaterThan(5);
    expect(await slowCloses()).toBe(1);
    await vi.waitFor(async () => expect(await readMetric('outbox_bytes', app.url)).toBe(0));
    stalled.socket.resume();
    expect(await stalled.closed).toMatchObject({ code });
    healthy.socket.close();
    await app.stop();
  });
});

describe('a message', () => {
  const statements = countStatements();

  it('takes as many executions and statements for fifty subscribers as for five', async () => {
    const send = 'mutation ($id: ID!) { send(input: { channelId: $id, text: "Hello" }) { message { seq } } }';
    const costs = [];
    for (const members of [5, 50]) {
      const room = await followedRoom(members);
      const before = await executions();
      let sent = 0;
      const asked = await statements.taken(async () => {
        const { seq } = (await ada.ask(send, { id: room.id })).send.message;
        sent++;
        await room.reached(seq);
      });
      costs.push({ asked, executed: ((await executions()) - before) / sent });
      await room.stop();
    }
    expect(costs[0]?.executed).toBe(1);
    expect(costs[0]?.asked).toBeGreaterThan(0);
    expect(costs[1]).toEqual(costs[0]);
  });

  it('takes as many statements for 500 different selections as for two', async () => {
    const asked = [];
    for (const selections of [2, 500]) {
      const host = await guest(url, 'Host');
      const { id } = (await host.ask('mutation { createRoom(input: { name: "Hall" }) { id } }')).createRoom;
      const sockets = await Promise.all([1, 2, 3, 4, 5].map(() => openSocket(url, { token: host.token })));
      const audiences = await readMetric('audiences');
      for (let n = 0; n < selections; n++) {
        const query = `subscription ($id: ID!) { messages(channelId: $id) { seq a${n}: author { lastSeenAt } } }`;
        sockets[n % sockets.length]?.subscribe(String(n), query, { id });
      }
      await vi.waitFor(async () => expect(await readMetric('audiences')).toBe(audiences + selections));
      const send = 'mutation ($id: ID!) { send(input: { channelId: $id, text: "Hello" }) { message { seq } } }';
      asked.push(
        await statements.taken(async () => {
          await host.ask(send, { id });
          for (let n = 0; n < selections; n++) {
            const { payload } = (await sockets[n % sockets.length]?.next()) ?? {};
            expect(Object.values(payload?.data?.['messages'] ?? {})).toEqual([
              expect.any(Number),
              { lastSeenAt: null },
            ]);
          }
        }),
      );
      for (const { socket: one } of sockets) one.close();
      await vi.waitFor(async () => expect(await readMetric('audiences')).toBe(audiences));
    }
    expect(asked[0]).toBeGreaterThan(0);
    expect(asked[1]).toBe(asked[0]);
  });

  it('is delivered once and in order to subscribers with different selections, variables and ids', async () => {
    const room = await followedRoom(3);
    const [one] = await Promise.all([guest(url, 'One')]);
    await one.ask('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id: room.id });
    const client = socket(url, one.token);
    const queries = [
      'subscription A($id: ID!, $after: Int) { messages(channelId: $id, after: $after) { seq text } }',
      'subscription A($id: ID!, $after: Int, $more: Boolean = true) { messages(channelId: $id, after: $after) { seq text @include(if: $more) } }',
      `subscription A($after: Int) { messages(channelId: "${room.id}", after: $after) { seq author { name email } text } }`,
    ];
    const got = queries.map((): { seq: number; text?: string }[] => []);
    for (const [n, query] of queries.entries()) {
      const variables = { id: room.id, after: 0, more: false };
      client.subscribe<{ messages: { seq: number; text?: string } }>(
        { query, variables },
        { next: ({ data }) => data && got[n]?.push(data.messages), error: () => {}, complete: () => {} },
      );
    }
    const texts = Array.from({ length: 20 }, (_, n) => `Message ${n}`);
    const send =
      'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { seq } } }';
    for (const text of texts) await ada.ask(send, { id: room.id, text });
    await vi.waitFor(() => expect(got.map((list) => list.length)).toEqual([25, 25, 25]));
    for (const list of got) expect(list.map(({ seq }) => seq)).toEqual(Array.from({ length: 25 }, (_, n) => n + 1));
    expect(got[0]?.slice(5).map(({ text }) => text)).toEqual(texts);
    expect(got[1]?.every((message) => !('text' in message))).toBe(true);
    await client.dispose();
    await room.stop();
  });
});
