import { beforeAll, expect, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { guest, socket } from '../support/client.ts';
import { fetchMetric } from '../support/probes.ts';
import { followUpdates, updatesQuery } from '../support/updates.ts';
import { describeUpdates } from './live-updates.ts';

let url: string;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  return app.stop;
});

describeUpdates(() => url);

/** The same selection in another form. */
const named = `subscription Mine($after: String) { updates(after: $after) { ...All } }
  fragment All on Update ${updatesQuery.slice(updatesQuery.indexOf('{', updatesQuery.indexOf('updates')), -2)}`;

test('a message is executed once for all streams with the same selection', async () => {
  const ada = await guest(url, 'Ada');
  const { id } = (await ada.ask('mutation { createRoom(input: { name: "Hall" }) { id } }')).createRoom;
  const people = await Promise.all(Array.from({ length: 10 }, (_, n) => guest(url, `Guest ${n}`)));
  for (const one of people) await one.ask('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id });
  const clients = people.map(({ token }) => socket(url, token));
  const streams = clients.map((client, n) => followUpdates(client, null, n % 2 ? updatesQuery : named));
  for (const stream of streams) await vi.waitFor(() => expect(stream.hasCaughtUp()).toBe(true));
  const executions = () => fetchMetric(url, 'executions_total');
  const before = await executions();
  const send =
    'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id } } }';
  for (const text of ['one', 'two', 'three']) {
    await ada.ask(send, { id, text });
    for (const stream of streams) await vi.waitFor(() => expect(stream.texts().at(-1)).toBe(text));
  }
  expect((await executions()) - before).toBe(3);
  expect(await fetchMetric(url, 'audiences')).toBe(1);

  for (const client of clients) await client.dispose();
  await vi.waitFor(async () => expect(await fetchMetric(url, 'update_streams')).toBe(0));
});
