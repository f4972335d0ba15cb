import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ask, guest, type Person, socket } from '../support/client.ts';
import { type Cluster, createCluster } from '../support/cluster.ts';
import { readCursor } from '../support/followers.ts';
import type { ServerProcess } from '../support/process.ts';
import { createSharedDatabase, sharedKafka, sharedRedis } from '../support/services/shared.ts';
import { untilSuspended } from '../support/services/suspended.ts';
import { type FollowedChannel, followChannel } from '../support/updates.ts';

let cluster: Cluster;
let gateways: ServerProcess[] = [];

/** Milliseconds after which a quiet stream says that it lives, and those of silence after which the client leaves the gateway. */
const [caughtUpMs, silenceMs] = [500, 3_000];

beforeAll(async () => {
  const [brokers, redisUrl, databaseUrl] = await Promise.all([sharedKafka(), sharedRedis(), createSharedDatabase()]);
  cluster = createCluster({ databaseUrl, redisUrl, brokers });
  const settings = { CAUGHT_UP_MS: `${caughtUpMs}` };
  gateways = await Promise.all([cluster.gateway(settings), cluster.gateway(settings)]);
  await cluster.bridge();
});
afterAll(() => cluster?.stop());

const create = 'mutation { createRoom(input: { name: "Room" }) { id } }';
const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
const send = 'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id } } }';

const urlOf = (n: number) => gateways[n]?.url ?? '';

test('a client whose gateway hangs while the socket stays open notices the silence, and gets everything from the other', async () => {
  const [ada, bob] = [await guest(urlOf(1), 'Ada'), await guest(urlOf(1), 'Bob')];
  const { id } = (await ada.ask(create)).createRoom;
  const client = await followWatched(bob, id);
  await ada.ask(send, { id, text: 'before' });
  await vi.waitFor(() => expect(client.texts()).toEqual(['before']));
  // It lives, although nothing happens.
  const quiet = client.followed.catchUps();
  await vi.waitFor(() => expect(client.followed.catchUps()).toBeGreaterThan(quiet + 2));

  for (const round of [1, 2]) {
    const hanging = client.gateway();
    const pid = gateways[hanging]?.child.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    await untilSuspended(pid);
    await ask(urlOf(1 - hanging), send, { id, text: `while one hangs ${round}` }, ada.token);
    await vi.waitFor(() => expect(client.texts().at(-1)).toBe(`while one hangs ${round}`));
    process.kill(pid, 'SIGCONT');
  }
  expect(client.texts()).toEqual(['before', 'while one hangs 1', 'while one hangs 2']);
  expect([client.followed.ended, client.followed.faults]).toEqual([null, []]);
  await client.end();
});

/** Joins a room and follows it, as a client that moves to the other gateway when nothing has come for a while. */
async function followWatched(person: Person, channelId: string) {
  let present = 0;
  let heardAt = performance.now();
  const url = () => {
    heardAt = performance.now();
    return urlOf(present);
  };
  const cursor = await readCursor(urlOf(1), person.token);
  await ask(urlOf(1), join, { id: channelId }, person.token);
  const client = socket(url, person.token);
  const onEvent = () => {
    heardAt = performance.now();
  };
  const followed: FollowedChannel = followChannel(client, channelId, cursor, { onEvent });
  const watch = setInterval(() => {
    if (performance.now() - heardAt < silenceMs) return;
    present = 1 - present;
    onEvent();
    client.drop();
  }, caughtUpMs);
  return {
    followed,
    gateway: () => present,
    texts: () => followed.received.flatMap(({ kind, text }) => (kind === 'TEXT' ? [text] : [])),
    async end() {
      clearInterval(watch);
      await client.dispose();
    },
  };
}
