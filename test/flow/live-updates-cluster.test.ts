import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { guest, socket } from '../support/client.ts';
import { type Cluster, createCluster } from '../support/cluster.ts';
import { patientSettings } from '../support/patience.ts';
import type { ServerProcess } from '../support/process.ts';
import { createSharedDatabase, sharedKafka, sharedRedis } from '../support/services/shared.ts';
import { followUpdates } from '../support/updates.ts';
import { describeUpdates } from './live-updates.ts';

let databaseUrl: string;
let cluster: Cluster;
let gateways: ServerProcess[] = [];

const settings = { RATE_LIMITS: 'off', ...patientSettings };

beforeAll(async () => {
  const [brokers, redisUrl] = await Promise.all([sharedKafka(), sharedRedis()]);
  databaseUrl = await createSharedDatabase();
  cluster = createCluster({ databaseUrl, redisUrl, brokers });
  gateways = await Promise.all([cluster.gateway(settings), cluster.gateway(settings)]);
  await Promise.all([cluster.bridge(settings), cluster.bridge(settings)]);
});
afterAll(() => cluster?.stop());

const urlOf = (gateway: 0 | 1): string => gateways[gateway]?.url ?? '';

describeUpdates(urlOf);

const create = 'mutation ($name: String!) { createRoom(input: { name: $name }) { id } }';
const send = 'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id } } }';

test('300 channels are resumed by one operation, and one with 50,000 changes is loaded again alone', async () => {
  const ada = await guest(urlOf(0), 'Ada');
  const rooms: string[] = [];
  for (let n = 0; n < 300; n++) rooms.push((await ada.ask(create, { name: `Room ${n}` })).createRoom.id);
  const { cursor } = (await ada.ask('{ updates { cursor } }')).updates;
  const [busy = '', ...others] = rooms;
  await ada.ask(send, { id: busy, text: 'first of many' });
  await addEntries(busy, 50_000);
  for (const id of [busy, ...others.slice(0, 40)]) await ada.ask(send, { id, text: `in ${id}` });
  const client = socket(urlOf(1), ada.token);
  const updates = followUpdates(client, cursor);
  await vi.waitFor(() => expect(updates.hasCaughtUp()).toBe(true));
  expect(updates.events('ResyncRequired')).toMatchObject([{ channel: { id: busy } }]);
  expect(updates.texts().toSorted()).toEqual(
    others
      .slice(0, 40)
      .map((id) => `in ${id}`)
      .toSorted(),
  );
  await ada.ask(send, { id: busy, text: 'live' });
  await vi.waitFor(() => expect(updates.texts()).toContain('live'));
  await client.dispose();
});

/** Adds entries as a bridge does, under the offset of the channel's newest change. */
async function addEntries(id: string, count: number): Promise<void> {
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  const channelId = uuidOf(id);
  await database.query(
    `INSERT INTO entry (id, channel_id, author_id, kind, seq, position, text, sent_at, revision, log_offset)
     SELECT gen_random_uuid(), c.id, e.author_id, 'TEXT', c.seq + n, c.position + n, 'one of many', now(), 0, c.log_offset
     FROM channel c JOIN LATERAL (SELECT author_id FROM entry WHERE channel_id = c.id LIMIT 1) e ON true,
       generate_series(1, $2::int) n WHERE c.id = $1`,
    [channelId, count],
  );
  await database.query(
    `UPDATE channel SET seq = seq + $2, position = position + $2, version = version + $2, log_version = version + $2 WHERE id = $1`,
    [channelId, count],
  );
  await database.end();
}

/** Returns the UUID within an id of the API. */
function uuidOf(id: string): string {
  const hex = Buffer.from(id.slice(id.indexOf('_') + 1), 'base64url').toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
