import { rm } from 'node:fs/promises';
import { afterAll, expect, test, vi } from 'vitest';
import { ask, guest, type Person } from '../support/client.ts';
import { createDataDirectory } from '../support/data-directory.ts';
import { readCursor, startFollower } from '../support/followers.ts';
import { readHistory } from '../support/history.ts';
import { type ServerProcess, startProcess } from '../support/process.ts';

const directory = await createDataDirectory('parley-kill-');
let server: ServerProcess | undefined;

afterAll(async () => {
  await server?.kill();
  await rm(directory, { recursive: true });
});

const kills = 10;
const senders = 20;
const followersOfEachKind = 3;
/** Number of messages that a server acknowledges before it is killed. */
const acknowledgedBefore = 100;
const send = `mutation ($channelId: ID!, $text: String!, $clientId: String!) {
  send(input: { channelId: $channelId, text: $text, clientId: $clientId }) { message { id seq } }
}`;

interface Sent {
  clientId: string;
  /** Id that the server acknowledged; null if it was killed first. */
  id: string | null;
}

test('a server that is killed ten times under twenty senders loses no acknowledged message and repeats none', async () => {
  server = await startProcess({ DATA_DIR: directory });
  const people = await Promise.all(Array.from({ length: senders }, (_, n) => guest(server?.url ?? '', `Sender ${n}`)));
  const cursors = await Promise.all(people.map(({ token }) => readCursor(server?.url ?? '', token)));
  const channelId = await openRoom(server.url, people);
  const followers = people
    .slice(0, followersOfEachKind)
    .flatMap((person, n) =>
      (['messages', 'updates'] as const).map((following) =>
        startFollower(following, () => server?.url ?? '', { person, channelId, cursor: cursors[n] ?? '' }),
      ),
    );
  const sent = new Map<Person, Sent[]>(people.map((one) => [one, []]));

  for (let round = 0; round < kills; round++) {
    const talking = people.map((one) => talk(server?.url ?? '', one, channelId, sent.get(one) ?? []));
    const before = acknowledgedOf(sent).length;
    await vi.waitFor(() => expect(acknowledgedOf(sent).length - before).toBeGreaterThan(acknowledgedBefore));
    await server.kill();
    await Promise.all(talking);
    server = await startProcess({ DATA_DIR: directory });
  }

  const history = await readHistory(server.url, people[0]?.token ?? '', channelId);
  const seqs = history.map(({ seq }) => seq);
  expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, n) => n + 1));
  expect(new Set(history.map(({ id }) => id)).size).toBe(history.length);
  const ids = new Set(history.map(({ id }) => id));
  expect(acknowledgedOf(sent).filter(({ id }) => !ids.has(id ?? ''))).toEqual([]);
  for (const follower of followers) {
    await follower.verify(history);
    follower.end();
  }

  for (const [one, list] of sent) {
    for (const { clientId, id } of list.slice(-kills)) {
      const again = await ask(server.url, send, { channelId, text: 'again', clientId }, one.token);
      expect(again.errors).toEqual([]);
      if (id !== null) expect(again.data.send.message.id).toBe(id);
    }
  }
});

function acknowledgedOf(sent: ReadonlyMap<Person, Sent[]>): Sent[] {
  return [...sent.values()].flat().filter(({ id }) => id !== null);
}

async function openRoom(url: string, [owner, ...others]: readonly Person[]): Promise<string> {
  const open = 'mutation { createRoom(input: { name: "Room" }) { id } }';
  const { data } = await ask(url, open, {}, owner?.token);
  const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
  for (const other of others) await ask(url, join, { id: data.createRoom.id }, other.token);
  return data.createRoom.id;
}

/** Sends as fast as possible until the server is gone. */
async function talk(url: string, one: Person, channelId: string, sent: Sent[]): Promise<void> {
  for (;;) {
    const message: Sent = { clientId: `${one.id} ${sent.length}`, id: null };
    sent.push(message);
    const response = await ask(url, send, { channelId, text: 'hello', clientId: message.clientId }, one.token).catch(
      () => null,
    );
    if (response === null) return;
    message.id = response.data?.send?.message.id ?? null;
  }
}
