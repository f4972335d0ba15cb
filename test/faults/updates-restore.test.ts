import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { guest, type Person, socket } from '../support/client.ts';
import { type Cluster, createCluster } from '../support/cluster.ts';
import { readCursor, startFollower } from '../support/followers.ts';
import { readHistory } from '../support/history.ts';
import { type Load, startLoad } from '../support/load.ts';
import { dumpDatabase, restoreDatabase } from '../support/services/backup.ts';
import { createSharedDatabase, sharedKafka, sharedRedis } from '../support/services/shared.ts';
import { type FollowedChannel, followChannel } from '../support/updates.ts';

let databaseUrl: string;
let cluster: Cluster;

beforeAll(async () => {
  const [brokers, redisUrl] = await Promise.all([sharedKafka(), sharedRedis()]);
  databaseUrl = await createSharedDatabase();
  cluster = createCluster({ databaseUrl, redisUrl, brokers });
});
afterAll(() => cluster?.stop());

const joinRoom = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
const send = 'mutation ($id: ID!) { send(input: { channelId: $id, text: "first" }) { message { id } } }';
const edit = 'mutation ($id: ID!) { editMessage(messageId: $id, text: "second") { id } }';
const rename = 'mutation ($id: ID!) { updateRoom(channelId: $id, name: "Renamed") { id } }';
const page = 'query ($after: String) { updates(after: $after, first: 1) { hasMore } }';

/** A cursor, and the number of messages that its client had received. */
interface Point {
  after: string;
  count: number;
}

test('cursors of updates stay valid when a database is restored: those ahead of the replay wait for it', async () => {
  const [gateway, bridge] = await Promise.all([cluster.gateway(), cluster.bridge()]);
  const url = () => gateway.url;
  const load = await startLoad(() => [gateway.url], { subscribers: 0 });
  const { channelId } = load;
  const reader = await guest(gateway.url, 'Reader');
  const cursor = await readCursor(gateway.url, reader.token);
  await reader.ask(joinRoom, { id: channelId });
  const client = socket(url, reader.token);
  const followed = followChannel(client, channelId, cursor);
  const follower = startFollower('updates', url, { person: reader, channelId, cursor });

  const points = [await takePoint(followed, load)];
  await load.progress(100);
  const dump = await dumpDatabase(databaseUrl);
  await load.progress(100);
  await changeRoom(load);
  points.push(await takePoint(followed, load));
  await bridge.kill('SIGTERM');
  const before = await readHistory(gateway.url, reader.token, channelId);
  await untilComplete(followed, before);
  // Cursors of live streams lag by seconds: the second one may be of before the dump. This is the newest.
  points.push({ after: await readCursor(gateway.url, reader.token), count: followed.received.length });

  await restoreDatabase(databaseUrl, dump);
  await vi.waitFor(async () => {
    const restored = await readHistory(gateway.url, reader.token, channelId);
    expect(restored.length).toBeLessThan(before.length - 100);
  });
  expect(await reader.codeOf(page, { after: points.at(0)?.after })).toBeNull();
  expect(await reader.codeOf(page, { after: points.at(-1)?.after })).toBe('UNAVAILABLE');

  await cluster.bridge();
  await load.progress(100);
  await load.verify();
  await follower.verify(await readHistory(gateway.url, reader.token, channelId));
  expect([followed.ended, followed.faults]).toEqual([null, []]);
  for (const point of points) await expectRest(url, reader, { channelId, point, followed });
  follower.end();
  await client.dispose();
});

/** Returns a cursor once it has moved. */
async function takePoint(followed: FollowedChannel, load: Load): Promise<Point> {
  const before = followed.cursor();
  await load.progress(1);
  await vi.waitFor(() => expect(followed.cursor()).not.toBe(before));
  return { after: followed.cursor(), count: followed.received.length };
}

function untilComplete({ received }: FollowedChannel, history: readonly { position: number }[]): Promise<void> {
  const newest = Math.max(...history.map(({ position }) => position));
  return vi.waitFor(() => expect(received.at(-1)?.position).toBe(newest));
}

/** Makes changes that only the log can restore. */
async function changeRoom({ owner, channelId }: Load): Promise<void> {
  const { message } = (await owner.ask(send, { id: channelId })).send;
  await owner.ask(edit, { id: message.id });
  await owner.ask(rename, { id: channelId });
}

/** Expects that a cursor yields everything that its client received later, in its newest state. */
async function expectRest(
  url: () => string,
  { token }: Person,
  given: { channelId: string; point: Point; followed: FollowedChannel },
): Promise<void> {
  const { channelId, point, followed } = given;
  const client = socket(url, token);
  const again = followChannel(client, channelId, point.after);
  await vi.waitFor(() => expect(again.catchUps()).toBeGreaterThan(0));
  const positionOf = ({ messages }: FollowedChannel, id: string) => messages.get(id)?.position;
  const rest = [...new Set(followed.received.slice(point.count).map(({ id }) => id as string))];
  expect(rest.filter((id) => positionOf(again, id) !== positionOf(followed, id))).toEqual([]);
  expect([again.ended, again.faults]).toEqual([null, []]);
  await client.dispose();
}
