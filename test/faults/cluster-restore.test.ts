import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ask, type Data, followMessages, guest, socket } from '../support/client.ts';
import { type Cluster, createCluster } from '../support/cluster.ts';
import { freePort } from '../support/free-port.ts';
import { readHistory } from '../support/history.ts';
import { type Load, startLoad } from '../support/load.ts';
import type { ServerProcess } from '../support/process.ts';
import { dumpDatabase, restoreDatabase } from '../support/services/backup.ts';
import { createSharedDatabase, sharedKafka, sharedRedis } from '../support/services/shared.ts';

let databaseUrl: string;
let cluster: Cluster;

beforeAll(async () => {
  const [brokers, redisUrl] = await Promise.all([sharedKafka(), sharedRedis()]);
  databaseUrl = await createSharedDatabase();
  cluster = createCluster({ databaseUrl, redisUrl, brokers });
});
afterAll(() => cluster?.stop());

test('a database restored from a dump catches up from the log: history is complete, and subscribers resume', async () => {
  const port = `${await freePort()}`;
  const [stopped, survivor, bridge] = await Promise.all([
    cluster.gateway({ PORT: port }),
    cluster.gateway(),
    cluster.bridge(),
  ]);
  const load = await startLoad(() => [survivor.url, stopped.url], { subscribers: 0 });
  await load.progress(100);
  const dumped = (await historyOf(load, survivor)).length;
  const dump = await dumpDatabase(databaseUrl);
  await changeAll(load, survivor.url);
  await load.progress(300);

  await Promise.all([stopped.kill('SIGTERM'), bridge.kill('SIGTERM')]);
  const before = await historyOf(load, survivor);
  const room = await roomOf(load, survivor);
  expect(before.length).toBeGreaterThan(dumped + 300);
  const client = socket(survivor.url, load.owner.token);
  const codes: unknown[] = [];
  client.on('closed', (event) => codes.push(Reflect.get(Object(event), 'code')));
  const live = followMessages(client, load.channelId, 0);
  const changes = before.toSorted((one, other) => one.position - other.position);
  await vi.waitFor(() => expect(idsOf(live.received)).toEqual(idsOf(changes)));

  await restoreDatabase(databaseUrl, dump);
  await vi.waitFor(() => expect(codes).toContain(1013));
  await vi.waitFor(() => expect(live.ended?.errors[0]?.extensions?.['code']).toBe('RESYNC_REQUIRED'));
  expect((await historyOf(load, survivor)).length).toBeLessThan(before.length - 300);

  await Promise.all([cluster.gateway({ PORT: port }), cluster.bridge()]);
  await vi.waitFor(async () => {
    const restored = await historyOf(load, survivor);
    expect(restored.slice(0, before.length)).toEqual(before);
  });
  expect(await roomOf(load, survivor)).toEqual(room);
  const after = changes.at(-200)?.position;
  const resumed = followMessages(client, load.channelId, after);
  await vi.waitFor(() => expect(idsOf(resumed.received.slice(0, 199))).toEqual(idsOf(changes.slice(-199))));

  await load.progress(100);
  await load.verify();
  await client.dispose();
});

const idsOf = (entries: readonly Data[]) => entries.map(({ id, position }) => `${id} at ${position}`);

function historyOf({ owner, channelId }: Load, { url }: ServerProcess): Promise<Data[]> {
  return readHistory(url, owner.token, channelId);
}

/** Reads the room's fields other than messages. */
async function roomOf({ owner, channelId }: Load, { url }: ServerProcess): Promise<Data> {
  const query =
    'query ($id: ID!) { channel(id: $id) { name members(first: 100) { edges { membership { role } node { id name } } } } }';
  const { data, errors } = await ask(url, query, { id: channelId }, owner.token);
  expect(errors).toEqual([]);
  return data.channel;
}

/** Makes changes that only the log can restore: of messages, of the room, and a member that the dump does not have. */
async function changeAll({ owner, channelId }: Load, url: string): Promise<void> {
  const send = 'mutation ($id: ID!) { send(input: { channelId: $id, text: "first" }) { message { id } } }';
  const message = (await owner.ask(send, { id: channelId })).send.message;
  await owner.ask('mutation ($id: ID!) { editMessage(messageId: $id, text: "second") { id } }', message);
  const doomed = (await owner.ask(send, { id: channelId })).send.message;
  await owner.ask('mutation ($id: ID!) { deleteMessage(messageId: $id) { id } }', doomed);
  await owner.ask('mutation ($id: ID!) { updateRoom(channelId: $id, name: "Renamed") { id } }', { id: channelId });

  const late = await guest(url, 'Late');
  await late.ask('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id: channelId });
  await late.ask(send, { id: channelId });
  await late.ask('mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }', { id: channelId });
}
