import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { type Answer, follow, followMessages, guest, type Person, socket } from '../support/client.ts';

let url: string;
let ada: Person;
let bob: Person;
let channelId: string;

beforeAll(async () => {
  const app = await startApp({ MAX_REPLAY: '20' });
  ({ url } = app);
  [ada, bob] = await Promise.all([guest(url, 'Ada'), guest(url, 'Bob')]);
  channelId = await direct();
  return app.stop;
});

const send = `mutation ($input: SendInput!) {
  send(input: $input) { message { id seq position text clientId replyTo { id } author { name } editedAt deletedAt } }
}`;
const edit =
  'mutation ($id: ID!, $text: String!) { editMessage(messageId: $id, text: $text) { id seq position text editedAt } }';
const remove = 'mutation ($id: ID!) { deleteMessage(messageId: $id) { id text deletedAt } }';
const page = `query ($id: ID!, $first: Int, $after: String, $last: Int, $before: String) { channel(id: $id) {
  messages(first: $first, after: $after, last: $last, before: $before) {
    position nodes { id seq text } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
} }`;
const changes = `query ($id: ID!, $after: Int!, $first: Int) { channel(id: $id) {
  changes(after: $after, first: $first) { position hasMore messages { text position } }
} }`;

/** A direct channel of Ada's with somebody new, where nothing was said yet. */
async function direct(): Promise<string> {
  const somebody = await guest(url, 'Somebody');
  return (await ada.ask('mutation ($id: ID!) { openDirect(userId: $id) { id } }', { id: somebody.id })).openDirect.id;
}

async function say(text: string, more: object = {}, who = ada): Promise<Answer> {
  return (await who.ask(send, { input: { channelId, text, ...more } })).send.message;
}

describe('a message', () => {
  it('has its place and what was given with it', async () => {
    const first = await say('First');
    const answer = await say('An answer', { replyToId: first.id, clientId: 'key' });
    expect(answer).toMatchObject({
      text: 'An answer',
      clientId: 'key',
      replyTo: { id: first.id },
      author: { name: 'Ada' },
    });
    expect(answer.seq).toBe(first.seq + 1);
  });

  it('is sent once for one clientId, whatever else is said with it', async () => {
    const first = await say('Once', { clientId: 'once' });
    expect(await say('Once', { clientId: 'once' })).toEqual(first);
    expect(await say('Something else', { clientId: 'once' })).toEqual(first);
  });

  it('keeps text of any script as it was written', async () => {
    for (const text of ['  spaces  ', 'line\nbreak', '<b>&amp;</b>', '日本語 👩‍👩‍👧 עברית', "'; DROP TABLE entry; --"])
      expect((await say(text)).text).toBe(text);
  });

  it.each([
    ['empty', '', 'BAD_USER_INPUT'],
    ['blank', ' \n\t', 'BAD_USER_INPUT'],
    ['with NUL', 'a\0b', 'BAD_USER_INPUT'],
    ['half a surrogate pair', '\ud83d', 'BAD_USER_INPUT'],
    ['too long by a byte', `${'é'.repeat(2_048)}x`, 'TOO_LARGE'],
  ])('is refused: %s', async (_how, text, code) => {
    expect(await ada.codeOf(send, { input: { channelId, text } })).toBe(code);
  });

  it('is refused with a foreign, forged or missing id', async () => {
    const input = { channelId, text: 'x' };
    const elsewhere = await direct();
    const other = (await ada.ask(send, { input: { channelId: elsewhere, text: 'there' } })).send.message;
    expect(await ada.codeOf(send, { input: { ...input, replyToId: other.id } })).toBe('BAD_USER_INPUT');
    expect(await ada.codeOf(send, { input: { ...input, channelId: ada.id } })).toBe('NOT_FOUND');
    expect(await ada.codeOf(send, { input: { ...input, channelId: "c_'" } })).toBe('NOT_FOUND');
    expect(await ada.codeOf(send, { input: { ...input, clientId: 'x'.repeat(129) } })).toBe('BAD_USER_INPUT');
    expect(await bob.codeOf(send, { input })).toBe('NOT_FOUND');
  });

  it('is changed and deleted by its author alone, and keeps its place', async () => {
    const sent = await say('Draft');
    expect(await bob.codeOf(edit, { id: sent.id, text: 'Mine' })).toBe('NOT_FOUND');
    const { editMessage } = await ada.ask(edit, { id: sent.id, text: 'Final' });
    expect(editMessage).toMatchObject({ seq: sent.seq, text: 'Final', editedAt: expect.any(String) });
    expect(editMessage.position).toBeGreaterThan(sent.position);
    expect((await ada.ask(remove, { id: sent.id })).deleteMessage).toMatchObject({
      text: '',
      deletedAt: expect.any(String),
    });
    expect((await ada.ask(remove, { id: sent.id })).deleteMessage).toMatchObject({ text: '' });
    expect(await ada.codeOf(edit, { id: sent.id, text: 'Again' })).toBe('CONFLICT');
  });
});

describe('a history', () => {
  it('is read in pages, both ways, without holes or repeats', async () => {
    const id = await direct();
    for (let n = 1; n <= 11; n++) await ada.ask(send, { input: { channelId: id, text: `${n}` } });
    const numbers = Array.from({ length: 11 }, (_, n) => `${n + 1}`);
    const read = async (variables: object) => (await ada.ask(page, { id, ...variables })).channel.messages;
    const texts = ({ nodes }: Answer) => nodes.map(({ text }: { text: string }) => text);

    let back = await read({ last: 4 });
    let found = texts(back);
    expect(back.position).toBe(11);
    while (back.pageInfo.hasPreviousPage) {
      back = await read({ last: 4, before: back.pageInfo.startCursor });
      found = [...texts(back), ...found];
    }
    expect(found).toEqual(numbers);

    let forth = await read({ first: 4 });
    found = texts(forth);
    while (forth.pageInfo.hasNextPage) {
      forth = await read({ first: 4, after: forth.pageInfo.endCursor });
      found.push(...texts(forth));
    }
    expect(found).toEqual(numbers);
    expect(texts(await read({}))).toEqual(numbers);
    expect(texts(await read({ first: 0 }))).toEqual([]);
  });
});

describe('changes', () => {
  it('are every newest state after a position, in order of position', async () => {
    const id = await direct();
    const say = async (text: string) => (await ada.ask(send, { input: { channelId: id, text } })).send.message;
    const first = await say('one');
    await say('two');
    await ada.ask(edit, { id: first.id, text: 'one, changed' });
    const read = async (variables: object) => (await ada.ask(changes, { id, ...variables })).channel.changes;
    const all = [
      { text: 'two', position: 2 },
      { text: 'one, changed', position: 3 },
    ];
    expect(await read({ after: 0 })).toEqual({ position: 3, hasMore: false, messages: all });
    expect(await read({ after: 0, first: 1 })).toEqual({ position: 2, hasMore: true, messages: all.slice(0, 1) });
    expect(await read({ after: 3 })).toEqual({ position: 3, hasMore: false, messages: [] });
    expect(await ada.codeOf(changes, { id, after: -1 })).toBe('BAD_USER_INPUT');
    expect(await ada.codeOf(changes, { id, after: 4 })).toBe('RESYNC_REQUIRED');
  });

  it('that are too many have to be loaded anew', async () => {
    const id = await direct();
    for (let n = 0; n < 21; n++) await ada.ask(send, { input: { channelId: id, text: `${n}` } });
    expect(await ada.codeOf(changes, { id, after: 0 })).toBe('RESYNC_REQUIRED');
    expect(await ada.codeOf(changes, { id, after: 1 })).toBeNull();
    const client = socket(url, ada.token);
    const followed = followMessages(client, id, 0);
    await vi.waitFor(() => expect(followed.ended?.errors[0]?.extensions?.['code']).toBe('RESYNC_REQUIRED'));
    const beyond = followMessages(client, id, 1_000);
    await vi.waitFor(() => expect(beyond.ended?.errors[0]?.extensions?.['code']).toBe('RESYNC_REQUIRED'));
    await client.dispose();
  });

  it('are followed by members alone', async () => {
    const client = socket(url, bob.token);
    const followed = follow(client, 'subscription ($id: ID!) { messages(channelId: $id) { id } }', { id: channelId });
    await vi.waitFor(() => expect(followed.ended?.errors[0]?.extensions?.['code']).toBe('NOT_FOUND'));
    await client.dispose();
  });
});

describe('what was seen', () => {
  it('is counted up to the mark, which goes forward alone', async () => {
    const { id } = (await bob.ask('mutation ($id: ID!) { openDirect(userId: $id) { id } }', { id: ada.id })).openDirect;
    for (const text of ['a', 'b', 'c']) await ada.ask(send, { input: { channelId: id, text } });
    await bob.ask(send, { input: { channelId: id, text: 'own' } });
    const state = async () =>
      await bob.ask(
        'query ($id: ID!) { me { unreadCount } channel(id: $id) { viewerMembership { seenSeq unreadCount firstUnseen { text } } } }',
        { id },
      );
    const mark = (seq: number) =>
      bob.ask('mutation ($id: ID!, $seq: Int!) { markSeen(channelId: $id, seq: $seq) { seenSeq } }', { id, seq });

    expect(await state()).toEqual({
      me: { unreadCount: 3 },
      channel: { viewerMembership: { seenSeq: 0, unreadCount: 3, firstUnseen: { text: 'a' } } },
    });
    await mark(1);
    expect((await state()).channel.viewerMembership).toEqual({
      seenSeq: 1,
      unreadCount: 2,
      firstUnseen: { text: 'b' },
    });
    expect((await mark(0)).markSeen.seenSeq).toBe(1);
    expect((await mark(1_000)).markSeen.seenSeq).toBe(4);
    expect(await state()).toMatchObject({
      me: { unreadCount: 0 },
      channel: { viewerMembership: { firstUnseen: null } },
    });
    expect(await bob.codeOf('mutation ($id: ID!) { markSeen(channelId: $id, seq: -1) { seenSeq } }', { id })).toBe(
      'BAD_USER_INPUT',
    );
    expect(
      await bob.codeOf('mutation ($id: ID!) { markSeen(channelId: $id, seq: 1) { seenSeq } }', { id: channelId }),
    ).toBe('NOT_FOUND');
  });
});

describe('who is there', () => {
  it('is who has a socket, and was there last when it ended', async () => {
    const eve = await guest(url, 'Eve');
    const look = async () =>
      (await ada.ask('query ($id: ID!) { user(id: $id) { online lastSeenAt } }', { id: eve.id })).user;
    expect(await look()).toEqual({ online: false, lastSeenAt: null });
    const client = socket(url, eve.token);
    follow(client, 'subscription { match { id } }');
    await vi.waitFor(async () => expect((await look()).online).toBe(true));
    await client.dispose();
    await vi.waitFor(async () => expect(await look()).toEqual({ online: false, lastSeenAt: expect.any(String) }), {
      timeout: 10_000,
    });
  });
});
