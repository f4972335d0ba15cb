import { beforeAll, expect, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { ask, type Data, follow, guest, type Person, socket } from '../support/client.ts';
import { addMember } from '../support/invitations.ts';

let url: string;
let ada: Person;
let bob: Person;
let eve: Person;
let channelId: string;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  [ada, bob, eve] = (await Promise.all(['Ada', 'Bob', 'Eve'].map((name) => guest(url, name)))) as [
    Person,
    Person,
    Person,
  ];
  channelId = (await ada.ask('mutation { createRoom(input: { name: "Talk", visibility: PRIVATE }) { id } }')).createRoom
    .id;
  await addMember(ada, bob, channelId);
  return app.stop;
});

const send = `mutation ($channelId: ID!, $text: String!, $replyToId: ID) {
  send(input: { channelId: $channelId, text: $text, replyToId: $replyToId }) { message { id cursor } }
}`;
const remove = 'mutation ($id: ID!) { deleteMessage(messageId: $id) { id } }';
const page = `query ($id: ID!, $first: Int, $after: String, $last: Int, $before: String) { node(id: $id) { ... on Message {
  position replyCount replies(first: $first, after: $after, last: $last, before: $before) {
    edges { cursor } nodes { text deletedAt } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
} } }`;

async function say(text: string, replyToId: string | null, who = ada): Promise<{ id: string; cursor: string }> {
  return (await who.ask(send, { channelId, text, replyToId })).send.message;
}

const pageOf = async (who: Person, id: string, args: object = {}): Promise<Data> =>
  (await who.ask(page, { id, ...args })).node;
const textsOf = ({ replies }: Data): string[] => replies.nodes.map(({ text }: { text: string }) => text);

test('replies come in pages, forwards and backwards, with the cursors of the history', async () => {
  const { id } = await say('Tea?', null);
  expect(await pageOf(bob, id)).toMatchObject({ replyCount: 0, replies: { edges: [], nodes: [] } });
  const sent: { id: string; cursor: string }[] = [];
  for (const text of ['1', '2', '3', '4', '5']) {
    sent.push(await say(text, id, text === '3' ? bob : ada));
    await say(`no reply ${text}`, sent[0]?.id ?? null);
  }
  const first = await pageOf(bob, id, { first: 2 });
  expect([first.replyCount, textsOf(first)]).toEqual([5, ['1', '2']]);
  expect(first.replies.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
  const second = await pageOf(bob, id, { first: 3, after: first.replies.pageInfo.endCursor });
  expect(textsOf(second)).toEqual(['3', '4', '5']);
  expect(second.replies.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
  const last = await pageOf(ada, id, { last: 2, before: sent[4]?.cursor });
  expect(textsOf(last)).toEqual(['3', '4']);
  expect(last.replies.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
  const all = await pageOf(ada, id);
  expect(textsOf(all)).toEqual(['1', '2', '3', '4', '5']);
  expect(all.replies.edges).toEqual(sent.map(({ cursor }) => ({ cursor })));
  expect(textsOf(await pageOf(ada, sent[0]?.id ?? ''))).toHaveLength(5);
  expect(textsOf(await pageOf(ada, id, { first: 0 }))).toEqual([]);
});

test('deleted replies have a place among the others and do not count', async () => {
  const { id } = await say('Tea?', null);
  const { id: gone } = await say('Yes', id);
  await say('No', id);
  await ada.ask(remove, { id: gone });
  const { replyCount, replies } = await pageOf(bob, id);
  expect(replyCount).toBe(1);
  expect(replies.nodes).toEqual([
    { text: '', deletedAt: expect.any(String) },
    { text: 'No', deletedAt: null },
  ]);
});

test('replies of users whom the viewer has blocked are left out, and count', async () => {
  const { id } = await say('Tea?', null);
  await say('Yes', id, bob);
  await ada.ask('mutation ($id: ID!) { block(userId: $id) { id } }', { id: bob.id });
  const seen = await pageOf(ada, id);
  await ada.ask('mutation ($id: ID!) { unblock(userId: $id) { id } }', { id: bob.id });
  expect([seen.replyCount, textsOf(seen)]).toEqual([1, []]);
  expect(textsOf(await pageOf(ada, id))).toEqual(['Yes']);
});

test('replies are hidden from strangers, and bad arguments are named', async () => {
  const { id } = await say('Tea?', null);
  await say('Yes', id);
  expect((await eve.ask(page, { id })).node).toBeNull();
  expect((await ask(url, page, { id })).data?.node ?? null).toBeNull();
  const problemsOf = async (args: object) =>
    (await ask(url, page, { id, ...args }, ada.token)).errors[0]?.extensions['fields'].map(({ path }: Data) => path);
  expect(await problemsOf({ first: 101 })).toEqual(['first']);
  expect(await problemsOf({ first: 1, last: 1 })).toEqual(['last']);
  expect(await problemsOf({ last: -1, after: 'x', before: 'bm9uZQ' })).toEqual(['last', 'after', 'before']);
});

test('a changed number of replies is live, in the changes, and after a resume', async () => {
  const { id } = await say('Tea?', null);
  const { position } = await pageOf(bob, id);
  const client = socket(url, bob.token);
  const query = `subscription ($id: ID!, $after: Int) { messages(channelId: $id, after: $after) { id replyCount position } }`;
  const followUpdates =
    'subscription { updates { event { __typename ... on MessageChanged { message { id replyCount } } } } }';
  const live = follow(client, query, { id: channelId, after: position });
  const updates = follow(client, followUpdates);
  await vi.waitFor(() => expect(JSON.stringify(updates.received)).toContain('CaughtUp'));
  const { id: replyId } = await say('Yes', id);
  const countsIn = (received: readonly unknown[]) => {
    const counts = JSON.stringify(received).matchAll(new RegExp(`"${id}","replyCount":(\\d+)`, 'g'));
    return [...counts].map(([, count]) => count);
  };
  await vi.waitFor(() => expect(countsIn(live.received)).toEqual(['1']));
  await vi.waitFor(() => expect(countsIn(updates.received).at(-1)).toBe('1'));
  await ada.ask(remove, { id: replyId });
  await vi.waitFor(() => expect(countsIn(live.received)).toEqual(['1', '0']));
  const resumed = follow(client, query, { id: channelId, after: position });
  await vi.waitFor(() => expect(countsIn(resumed.received).at(-1)).toBe('0'));
  const changes = `query ($id: ID!, $after: Int!) { channel(id: $id) { changes(after: $after) { messages { id replyCount } } } }`;
  expect((await bob.ask(changes, { id: channelId, after: position })).channel.changes.messages).toEqual([
    { id: replyId, replyCount: 0 },
    { id, replyCount: 0 },
  ]);
  await client.dispose();
});
