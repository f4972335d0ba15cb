import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { follow, followMessages, guest, socket } from '../support/client.ts';
import { type Cluster, createCluster } from '../support/cluster.ts';
import { patientSettings } from '../support/patience.ts';
import { fetchProbe } from '../support/probes.ts';
import type { ServerProcess } from '../support/process.ts';
import { createSharedDatabase, sharedKafka, sharedRedis } from '../support/services/shared.ts';

let databaseUrl: string;
let cluster: Cluster;
let [here, there]: ServerProcess[] = [];

beforeAll(async () => {
  const [brokers, redisUrl] = await Promise.all([sharedKafka(), sharedRedis()]);
  databaseUrl = await createSharedDatabase();
  cluster = createCluster({ databaseUrl, redisUrl, brokers });
  [here, there] = await Promise.all([
    cluster.gateway(patientSettings),
    cluster.gateway(patientSettings),
    cluster.bridge(patientSettings),
    cluster.bridge(patientSettings),
  ]);
});
afterAll(() => cluster?.stop());

const send =
  'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id seq } } }';
const url = (gateway: ServerProcess | undefined): string => gateway?.url ?? '';

test('strangers on different gateways are matched and talk, and each is notified when the other leaves', async () => {
  const [ada, bob] = [await guest(url(here), 'Ada'), await guest(url(there), 'Bob')];
  const sockets = [socket(url(here), ada.token), socket(url(there), bob.token)] as const;
  const state = 'subscription { match { status endReason partner { name } channel { id } } }';
  const [adas, bobs] = [follow(sockets[0], state), follow(sockets[1], state)];
  await ada.ask('mutation { match { id } }');
  await vi.waitFor(() => expect(adas.received.at(-1)).toMatchObject({ status: 'WAITING' }));
  await bob.ask('mutation { match { id } }');
  await vi.waitFor(() => expect(adas.received.at(-1)).toMatchObject({ status: 'MATCHED', partner: { name: 'Bob' } }));
  const { id } = adas.received.at(-1).channel;

  const talks = [followMessages(sockets[0], id, 0), followMessages(sockets[1], id, 0)];
  for (let n = 0; n < 10; n++) await (n % 2 ? ada : bob).ask(send, { id, text: `${n}` });
  for (const { received } of talks)
    await vi.waitFor(() => expect(received.map(({ text }) => text)).toEqual([...'0123456789']));

  await bob.ask('mutation { unmatch { id } }');
  await vi.waitFor(() => expect(adas.received.at(-1)).toMatchObject({ status: 'ENDED', endReason: 'PARTNER_LEFT' }));
  await vi.waitFor(() => expect(bobs.received.at(-1)).toMatchObject({ status: 'ENDED', endReason: 'LEFT' }));
  for (const one of sockets) await one.dispose();
});

test('a user who leaves a room on one gateway no longer receives its messages on the other', async () => {
  const [ada, bob] = [await guest(url(here), 'Ada'), await guest(url(here), 'Bob')];
  const { createRoom } = await ada.ask('mutation { createRoom(input: { name: "Room" }) { id } }');
  const { id } = createRoom;
  await bob.ask('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id });
  const client = socket(url(there), bob.token);
  const followed = followMessages(client, id, 0);
  await vi.waitFor(() => expect(followed.received).toHaveLength(2));
  await bob.ask('mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }', { id });
  await vi.waitFor(() => expect(followed.ended?.errors[0]?.extensions?.['code']).toBe('FORBIDDEN'));
  await ada.ask(send, { id, text: 'not for Bob' });
  expect(followed.received.map(({ text }) => text)).not.toContain('not for Bob');
  await client.dispose();
});

test('revoking a session on one gateway closes its sockets on the other with 4403, even if the signal is lost', async () => {
  for (const how of ['signalled', 'lost']) {
    const ada = await guest(url(here), 'Ada');
    const client = socket(url(there), ada.token);
    const codes: unknown[] = [];
    client.on('closed', (event) => codes.push(Reflect.get(Object(event), 'code')));
    const followed = follow(client, 'subscription { match { id } }');
    await vi.waitFor(() => expect(followed.received).toEqual([null]));
    if (how === 'signalled') await ada.ask('mutation { logout }');
    else await revokeSilently(ada.id);
    await vi.waitFor(() => expect(codes).toContain(4403));
    followed.stop();
  }
});

/** Revokes a user's sessions without a signal, as a process does that dies before it publishes one. */
async function revokeSilently(userId: string): Promise<void> {
  const uuid = Buffer.from(userId.slice(2), 'base64url').toString('hex');
  const client = new pg.Client(databaseUrl);
  await client.connect();
  await client.query('UPDATE session SET revoked_at = now() WHERE user_id = $1::uuid', [uuid]);
  await client.end();
}

test('each process reports that it is alive and ready, and stops cleanly', async () => {
  const bridge = await cluster.bridge(patientSettings);
  for (const one of [here, there, bridge]) {
    const ready = await fetchProbe(url(one), 'ready');
    const ports = {
      database: 'ok',
      pubsub: 'ok',
      state: 'ok',
      log: 'ok',
      ...(one === bridge ? { bridge: 'ok' } : { objects: 'ok' }),
    };
    expect(await ready.json()).toEqual({ status: 'ok', ports });
    expect((await fetch(`${url(one)}/health`)).status).toBe(200);
  }
  expect(await bridge.kill('SIGTERM')).toBe(0);
});
