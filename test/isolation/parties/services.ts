import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { expect, vi } from 'vitest';
import { readId } from '../../../schema/ids.ts';
import { ask } from '../../support/client.ts';
import { fetchProbe } from '../../support/probes.ts';
import { untilSuspended } from '../../support/services/suspended.ts';
import { type Clustered, countApplied, sendTimeoutMs } from '../clustered.ts';
import { type Party, partyMs, type Scene } from '../isolation.ts';
import type { Talk } from '../pairs.ts';

/** Parties that are services, and disturb a cluster. The last one leaves it unusable. */
export const services: readonly Party<Clustered>[] = [
  {
    name: 'a locked channel row',
    disturb: lockRow,
    near: async ({ product, pairs }) => {
      const partition = product.partitionOf(product.seeds.hall.channelId);
      return new Set(pairs.channelIds.filter((id) => product.partitionOf(id) === partition));
    },
  },
  {
    name: 'one of two bridges stopped',
    disturb: stopBridge,
    near: channelsOfFirst,
  },
  {
    name: 'a hung PostgreSQL',
    near: async () => null,
    disturb: hangPostgres,
    check: checkWaits,
  },
  {
    name: 'a topic that was emptied',
    near: async () => null,
    breaks: true,
    disturb: emptyTopic,
    async check(talk, { product }) {
      checkWaits(talk);
      expect(await readinessOf(product), 'readiness of the bridges').toEqual([503, 503]);
    },
  },
];

/** Share of `SEND_TIMEOUT_MS` that an attempt to send may last. */
const mostOfTimeout = 1.5;
/** Longer than an attempt to send may last, and shorter than any limit of the services. */
const hungMs = 2 * sendTimeoutMs;
/** Shorter than the session of a bridge in Kafka, which would move its partitions. */
const stoppedMs = 4_000;
/** Time within which bridges must report a topic that was made again. */
const reportMs = 30_000;
const send = 'mutation ($id: ID!) { send(input: { channelId: $id, text: "Hello" }) { message { id } } }';

/** Attempts that failed during a fault must have failed in time; the pairs throw for any error but UNAVAILABLE. */
function checkWaits({ longestAttemptMs }: Talk): void {
  expect(longestAttemptMs, 'longest attempt to send').toBeLessThanOrEqual(mostOfTimeout * sendTimeoutMs);
}

/** Locks the row of a channel for a while in which a member sends messages to it. */
async function lockRow({ product }: Scene<Clustered>): Promise<string> {
  const { channelId, speaker } = product.seeds.hall;
  const client = new pg.Client({ connectionString: product.databaseUrl });
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT 1 FROM channel WHERE id = $1 FOR UPDATE', [readId('Channel', channelId)]);
  const until = performance.now() + partyMs;
  const sends: Promise<{ errors: unknown[] }>[] = [];
  while (performance.now() < until) {
    sends.push(ask(product.url, send, { id: channelId }, speaker));
    await delay(500);
  }
  await client.query('ROLLBACK');
  await client.end();
  const failed = (await Promise.all(sends)).filter(({ errors }) => errors.length > 0).length;
  return `${sends.length} sends to the locked channel, ${failed} of them failed`;
}

/** Returns the channels whose events the first bridge applies. */
async function channelsOfFirst({ product, pairs }: Scene<Clustered>): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (let partition = 0; partition < product.partitions; partition++) {
    const channels = pairs.channelIds.filter((id) => product.partitionOf(id) === partition);
    const before = await countApplied(product.bridges[0]);
    await pairs.say(channels[0] ?? '');
    if ((await countApplied(product.bridges[0])) > before) for (const id of channels) found.add(id);
  }
  return found;
}

/** Stops a bridge for less than its session in Kafka lasts, so that the other one does not take its partitions over. */
async function stopBridge({ product }: Scene<Clustered>): Promise<string> {
  const { child } = product.bridges[0];
  child.kill('SIGSTOP');
  await untilSuspended(child.pid ?? 0);
  await delay(stoppedMs);
  child.kill('SIGCONT');
  return `stopped for ${stoppedMs / 1_000} s`;
}

async function hangPostgres({ product }: Scene<Clustered>): Promise<string> {
  await product.postgres.kill('SIGSTOP');
  await delay(hungMs);
  await product.postgres.kill('SIGCONT');
  return `hung for ${hungMs / 1_000} s`;
}

/** Deletes the topic of the events and creates it again, and waits until the bridges report it. */
async function emptyTopic({ product }: Scene<Clustered>): Promise<string> {
  const { kafka, topic, partitions } = product;
  await kafka.deleteTopics({ topics: [topic] });
  await vi.waitFor(() => kafka.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }] }));
  const began = performance.now();
  const isReported = async () => (await readinessOf(product)).every((status) => status === 503);
  const isLoud = await vi.waitUntil(isReported, { timeout: reportMs, interval: 200 }).catch(() => false);
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  await delay(partyMs);
  return isLoud ? `reported after ${seconds} s` : 'not reported';
}

/** Returns the status of `/ready` of each bridge. */
function readinessOf({ bridges }: Clustered): Promise<number[]> {
  return Promise.all(bridges.map(async ({ url }) => (await fetchProbe(url, 'ready')).status));
}
