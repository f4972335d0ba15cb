import { randomUUID } from 'node:crypto';
import { expect, vi } from 'vitest';
import type { Person } from './client.ts';
import { fetchMetric, fetchProbe } from './probes.ts';

const send = `mutation ($id: ID!, $text: String!, $clientId: String) {
  send(input: { channelId: $id, text: $text, clientId: $clientId }) { message { text } }
}`;
const texts = ['one', 'two', 'three', 'four', 'five'];

/**
 * Renames a column for a moment while five messages are sent, and expects that `/ready` and the metrics say so, that every
 * message is there afterwards, and that no record was set aside.
 * @param run runs SQL text
 * @param channelId a room of the sender without messages
 */
export async function expectNothingLost(server: {
  url: string;
  run(text: string): Promise<unknown>;
  sender: Person;
  channelId: string;
}): Promise<void> {
  const { url, run, sender, channelId } = server;
  const before = await fetchMetric(url, 'events_set_aside_total');
  await run('ALTER TABLE entry RENAME COLUMN client_id TO renamed');
  const sends = texts.map((text) => {
    const variables = { id: channelId, text, clientId: randomUUID() };
    return vi.waitFor(() => sender.ask(send, variables));
  });
  try {
    await vi.waitFor(async () => {
      const ready = await fetchProbe(url, 'ready');
      const waitingPartitions = [expect.objectContaining({ cause: 'refused' })];
      const body = {
        status: 'unavailable',
        ports: { database: 'ok', bridge: expect.stringContaining('partitions wait') },
        waitingPartitions,
      };
      expect(await ready.json()).toMatchObject(body);
    });
    expect(await fetchMetric(url, 'partitions_waiting')).toBe(1);
  } finally {
    await run('ALTER TABLE entry RENAME COLUMN renamed TO client_id');
  }

  const sent = await Promise.all(sends);
  expect(sent.map(({ send }) => send.message.text)).toEqual(texts);
  const { channel } = await sender.ask(
    'query ($id: ID!) { channel(id: $id) { messages(last: 10) { edges { node { text } } } } }',
    { id: channelId },
  );
  const stored = channel.messages.edges.map(({ node }: { node: { text: string } }) => node.text);
  expect(stored.filter((text: string) => texts.includes(text)).sort()).toEqual([...texts].sort());
  await vi.waitFor(async () => expect((await fetchProbe(url, 'ready')).status).toBe(200));
  expect(await fetchMetric(url, 'events_set_aside_total')).toBe(before);
}
