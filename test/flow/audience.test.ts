import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { followMessages, guest, type Person, socket } from '../support/client.ts';
import { countStatements } from '../support/counting.ts';

let url: string;
let ada: Person;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  ada = await guest(url, 'Ada');
  return app.stop;
});

/** A room of Ada's, followed by so many members, all of them live. */
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

async function executions(): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^parley_executions_total (\d+)$/m.exec(text)?.[1]);
}

describe('a message', () => {
  it('takes as many executions and statements for fifty who follow as for five', async () => {
    const send = 'mutation ($id: ID!) { send(input: { channelId: $id, text: "Hello" }) { message { seq } } }';
    const statements = countStatements();
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
    expect(costs[1]).toEqual(costs[0]);
  });

  it('comes once and in order to those who follow with other selections, variables and ids', async () => {
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
