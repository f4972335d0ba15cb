import { beforeAll, expect, test } from 'vitest';
import { password } from '../../examples/seed/accounts.ts';
import { people } from '../../examples/seed/people.ts';
import { seedServer } from '../../examples/seed/seed-server.ts';
import { startApp } from '../support/app.ts';
import { ask, type Data } from '../support/client.ts';

let url: string;

beforeAll(async () => {
  const app = await startApp({ RATE_LIMITS: 'on' });
  ({ url } = app);
  return app.stop;
});

const login = 'mutation ($input: LoginInput!) { login(input: $input) { token } }';
const ownChannels = `{ me { unreadCount channels(first: 100) { nodes { id kind visibility position } } } }`;
const history = `query ($id: ID!) { channel(id: $id) { messages(first: 100) { nodes {
  text editedAt deletedAt replyTo { id } attachments { width thumbnailUrl }
} } } }`;

/** Returns the unread count, the channels and the token of each person of the seed. */
async function readEveryone(): Promise<{ unreadCount: number; channels: Data[]; token: string }[]> {
  return Promise.all(
    people.map(async ({ key }) => {
      const session = await ask(url, login, { input: { email: `${key}@example.org`, password } });
      const { token } = session.data.login;
      const { me } = (await ask(url, ownChannels, {}, token)).data;
      return { token, unreadCount: me.unreadCount, channels: me.channels.nodes };
    }),
  );
}

test('the seed fills a server with people, rooms, direct conversations and a match', async () => {
  await seedServer(url);

  const everyone = await readEveryone();
  expect(everyone.some(({ unreadCount }) => unreadCount > 0)).toBe(true);
  const channels = new Map(
    everyone.flatMap(({ channels, token }) => channels.map((one) => [one.id, { ...one, token }])),
  );
  const kinds = [...channels.values()].map(({ kind, visibility }) => `${kind} ${visibility}`);
  expect(new Set(kinds)).toEqual(new Set(['ROOM PUBLIC', 'ROOM PRIVATE', 'DIRECT PRIVATE', 'MATCH PRIVATE']));

  const histories = await Promise.all([...channels.values()].map(({ id, token }) => ask(url, history, { id }, token)));
  const messages = histories.flatMap(({ data }) => data.channel.messages.nodes);
  expect(messages.filter(({ text }) => text !== '').length).toBeGreaterThan(40);
  expect(messages.some(({ replyTo }) => replyTo !== null)).toBe(true);
  expect(messages.some(({ editedAt }) => editedAt !== null)).toBe(true);
  expect(messages.some(({ deletedAt, text }) => deletedAt !== null && text === '')).toBe(true);
  const pictures = messages.flatMap(({ attachments }) => attachments);
  expect(pictures.length).toBeGreaterThan(2);
  for (const { width, thumbnailUrl } of pictures) expect([width > 0, thumbnailUrl]).toEqual([true, expect.any(String)]);
});

test('a second run of the seed adds nothing', async () => {
  await seedServer(url);
  const before = await readEveryone();

  expect(await seedServer(url)).toMatchObject({ sent: 0 });

  const state = (everyone: typeof before) => everyone.map(({ unreadCount, channels }) => ({ unreadCount, channels }));
  expect(state(await readEveryone())).toEqual(state(before));
});
