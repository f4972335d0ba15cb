import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { ask, type Data, follow, followMessages, guest, type Person, socket } from '../support/client.ts';
import { appointed } from '../support/moderators.ts';

let url: string;
let ada: Person;
let bob: Person;
let moderator: Person;
let channelId: string;

beforeAll(async () => {
  const app = await startApp({ MAX_REPLAY: '20' });
  ({ url } = app);
  [ada, bob, moderator] = await Promise.all([guest(url, 'Ada'), guest(url, 'Bob'), appointed(app)]);
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

/** Opens an empty direct channel of Ada with a new guest. */
async function direct(): Promise<string> {
  const somebody = await guest(url, 'Somebody');
  return (await ada.ask('mutation ($id: ID!) { openDirect(userId: $id) { id } }', { id: somebody.id })).openDirect.id;
}

async function say(text: string, more: object = {}, who = ada): Promise<Data> {
  return (await who.ask(send, { input: { channelId, text, ...more } })).send.message;
}

/** Creates a public room of Ada with Bob as a member: two entries so far. */
async function room(): Promise<string> {
  const { id } = (await ada.ask('mutation { createRoom(input: { name: "Talk" }) { id } }')).createRoom;
  await bob.ask('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id });
  return id;
}

/** Returns an id in the right format that belongs to nothing. */
function foreignId(prefix: string): string {
  return `${prefix}_${Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url')}`;
}

describe('a message', () => {
  it('has its place and the given fields', async () => {
    const first = await say('First');
    const reply = await say('A reply', { replyToId: first.id, clientId: 'key' });
    expect(reply).toMatchObject({
      text: 'A reply',
      clientId: 'key',
      replyTo: { id: first.id },
      author: { name: 'Ada' },
    });
    expect(reply.seq).toBe(first.seq + 1);
  });

  it('is sent once per clientId, even when other fields differ', async () => {
    const first = await say('Once', { clientId: 'once' });
    expect(await say('Once', { clientId: 'once' })).toEqual(first);
    expect(await say('Something else', { clientId: 'once' })).toEqual(first);
    for (const more of [{ text: '' }, { replyToId: foreignId('m') }])
      expect(await say('Once', { clientId: 'once', ...more })).toEqual(first);
  });

  it('is sent once when the same clientId arrives many times at once', async () => {
    const id = await room();
    const input = { channelId: id, text: 'At once', clientId: 'at-once' };
    const sent = await Promise.all(Array.from({ length: 10 }, () => ada.ask(send, { input })));
    expect(new Set(sent.map((one) => one.send.message.id)).size).toBe(1);
    expect((await ada.ask(page, { id })).channel.messages.nodes).toHaveLength(3);
  });

  it('is a new one with the clientId of another user, in another channel, or without a clientId', async () => {
    const [here, there] = [await room(), await room()];
    const input = { channelId: here, text: 'Same key', clientId: 'key' };
    const sent = [
      await ada.ask(send, { input }),
      await bob.ask(send, { input }),
      await ada.ask(send, { input: { ...input, channelId: there } }),
      await ada.ask(send, { input: { channelId: here, text: 'Same key' } }),
      await ada.ask(send, { input: { channelId: here, text: 'Same key' } }),
    ];
    expect(new Set(sent.map((one) => one.send.message.id)).size).toBe(5);
  });

  it('is returned in its newest state when it is sent again', async () => {
    const sent = await say('First thought', { clientId: 'thought' });
    await ada.ask(edit, { id: sent.id, text: 'Second thought' });
    expect(await say('First thought', { clientId: 'thought' })).toMatchObject({ id: sent.id, text: 'Second thought' });
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
  ])('is neither sent nor edited when its text is refused: %s', async (_how, text, code) => {
    const sent = await say('As it was');
    expect(await ada.codeOf(send, { input: { channelId, text } })).toBe(code);
    expect(await ada.codeOf(edit, { id: sent.id, text })).toBe(code);
    const { channel } = await ada.ask(page, { id: channelId, last: 1 });
    expect(channel.messages.nodes).toEqual([{ id: sent.id, seq: sent.seq, text: 'As it was' }]);
  });

  it('can be as long as the limit, in bytes', async () => {
    const { limits } = await ada.ask('{ limits { messageBytes pageSize replay } }');
    expect(limits).toEqual({ messageBytes: 4_096, pageSize: 100, replay: 20 });
    const longest = 'é'.repeat(limits.messageBytes / 2);
    expect((await say(longest)).text).toBe(longest);
    const { errors } = await ask(url, send, { input: { channelId, text: `${longest}x` } }, ada.token);
    expect(errors[0]).toMatchObject({ message: expect.stringContaining('4096'), extensions: { limit: 4_096 } });
  });

  it('is refused with a foreign, forged or missing id', async () => {
    const input = { channelId, text: 'x' };
    const elsewhere = await direct();
    const other = (await ada.ask(send, { input: { channelId: elsewhere, text: 'there' } })).send.message;
    expect(await ada.codeOf(send, { input: { ...input, replyToId: other.id } })).toBe('BAD_USER_INPUT');
    expect(await ada.codeOf(send, { input: { ...input, channelId: ada.id } })).toBe('NOT_FOUND');
    expect(await ada.codeOf(send, { input: { ...input, channelId: "c_'" } })).toBe('NOT_FOUND');
    for (const clientId of ['', 'x'.repeat(129), 'a\0b'])
      expect(await ada.codeOf(send, { input: { ...input, clientId } })).toBe('BAD_USER_INPUT');
    expect(await bob.codeOf(send, { input })).toBe('NOT_FOUND');
    expect(await ada.codeOf(send, { input: { ...input, replyToId: foreignId('m') } })).toBe('BAD_USER_INPUT');
    for (const replyToId of ['', 'm_', channelId, ada.id])
      expect(await ada.codeOf(send, { input: { ...input, replyToId } })).toBe('NOT_FOUND');
    for (const id of ['', 'm_x', channelId, foreignId('m')]) {
      expect(await ada.codeOf(edit, { id, text: 'x' })).toBe('NOT_FOUND');
      expect(await ada.codeOf(remove, { id })).toBe('NOT_FOUND');
    }
  });

  it('can be replied to after its deletion, but an entry about a joining member cannot', async () => {
    const id = await room();
    const first = (await ada.ask(send, { input: { channelId: id, text: 'Gone' } })).send.message;
    await ada.ask(remove, { id: first.id });
    const reply = (await bob.ask(send, { input: { channelId: id, text: 'What?', replyToId: first.id } })).send.message;
    expect(reply.replyTo).toEqual({ id: first.id });
    const [joined] = (await ada.ask(page, { id })).channel.messages.nodes;
    expect(await bob.codeOf(send, { input: { channelId: id, text: 'Hi', replyToId: joined.id } })).toBe(
      'BAD_USER_INPUT',
    );
    expect(await ada.codeOf(edit, { id: joined.id, text: 'Not me' })).toBe('FORBIDDEN');
    expect(await ada.codeOf(remove, { id: joined.id })).toBe('FORBIDDEN');
  });

  it('cannot be changed by other members, nor by its author after leaving', async () => {
    const id = await room();
    const sent = (await bob.ask(send, { input: { channelId: id, text: 'Mine' } })).send.message;
    const hers = (await ada.ask(send, { input: { channelId: id, text: 'Hers' } })).send.message;
    expect(await ada.codeOf(edit, { id: sent.id, text: 'Ours' })).toBe('FORBIDDEN');
    expect(await bob.codeOf(edit, { id: hers.id, text: 'Ours' })).toBe('FORBIDDEN');
    expect(await bob.codeOf(remove, { id: hers.id })).toBe('FORBIDDEN');
    await bob.ask('mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }', { id });
    expect(await bob.codeOf(edit, { id: sent.id, text: 'Still mine' })).toBe('NOT_FOUND');
    expect(await bob.codeOf(remove, { id: sent.id })).toBe('NOT_FOUND');
    expect((await bob.ask('query ($id: ID!) { node(id: $id) { id } }', { id: sent.id })).node).toBeNull();
    expect(
      (await ada.ask('query ($id: ID!) { node(id: $id) { ... on Message { text } } }', { id: sent.id })).node,
    ).toEqual({
      text: 'Mine',
    });
  });

  it('that is refused leaves the rest of the response intact', async () => {
    const both = `mutation ($good: SendInput!, $bad: SendInput!) {
      bad: send(input: $bad) { message { text } } good: send(input: $good) { message { text } }
    }`;
    const [good, bad] = [
      { channelId, text: 'Good' },
      { channelId, text: '' },
    ];
    const { data, errors } = await ask(url, both, { good, bad }, ada.token);
    expect(data).toEqual({ bad: null, good: { message: { text: 'Good' } } });
    expect(errors).toEqual([
      expect.objectContaining({
        path: ['bad'],
        extensions: expect.objectContaining({
          code: 'BAD_USER_INPUT',
          fields: [{ path: 'input.text', message: expect.any(String) }],
        }),
      }),
    ]);
  });

  it('can be edited and deleted by its author only, and keeps its place', async () => {
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
  it('is read in pages, in both directions, without gaps or duplicates', async () => {
    const id = await direct();
    for (let n = 1; n <= 11; n++) await ada.ask(send, { input: { channelId: id, text: `${n}` } });
    const numbers = Array.from({ length: 11 }, (_, n) => `${n + 1}`);
    const read = async (variables: object) => (await ada.ask(page, { id, ...variables })).channel.messages;
    const texts = ({ nodes }: Data) => nodes.map(({ text }: { text: string }) => text);

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

  it('is paged from every cursor in both directions, and between any two', async () => {
    const id = await direct();
    for (let n = 0; n < 6; n++) await ada.ask(send, { input: { channelId: id, text: `${n}` } });
    const read = async (variables: object) => (await ada.ask(page, { id, ...variables })).channel.messages;
    const { nodes, edges } = await read({});
    const cursors: string[] = edges.map(({ cursor }: Data) => cursor);
    expect(new Set(cursors).size).toBe(6);
    for (const [n, cursor] of cursors.entries()) {
      const [after, before] = [await read({ first: 2, after: cursor }), await read({ last: 2, before: cursor })];
      expect(after.nodes).toEqual(nodes.slice(n + 1, n + 3));
      expect(after.pageInfo).toMatchObject({ hasNextPage: n + 3 < 6, hasPreviousPage: true });
      expect(before.nodes).toEqual(nodes.slice(Math.max(0, n - 2), n));
      expect(before.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: n > 2 });
      expect((await read({ after: cursor, before: cursors[4] })).nodes).toEqual(nodes.slice(n + 1, 4));
    }
  });

  it.each([
    { first: 101 },
    { last: -1 },
    { first: 1, last: 1 },
    { after: '' },
    { after: `${cursorOf('2')}==` },
    { after: `!${cursorOf('2')}` },
    { before: cursorOf('-1') },
    { after: cursorOf('1e3') },
    { after: cursorOf(`1:${randomUUID()}`) },
  ])('cannot be read with %o', async (variables) => {
    const { data, errors } = await ask(url, page, { id: channelId, ...variables }, ada.token);
    expect(data).toEqual({ channel: { messages: null } });
    expect(errors[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      fields: [{ path: Object.keys(variables).at(-1), message: expect.any(String) }],
    });
  });

  it('ends with its last message, also when that was deleted or is about a joining member', async () => {
    const last = async (who: Person, id: string) =>
      (await who.ask('query ($id: ID!) { channel(id: $id) { lastMessage { kind text } position } }', { id })).channel;
    expect(await last(ada, await direct())).toEqual({ lastMessage: null, position: 0 });
    const id = await room();
    expect(await last(ada, id)).toEqual({ lastMessage: { kind: 'JOINED', text: '' }, position: 2 });
    const sent = (await bob.ask(send, { input: { channelId: id, text: 'Last' } })).send.message;
    expect(await last(ada, id)).toEqual({ lastMessage: { kind: 'TEXT', text: 'Last' }, position: 3 });
    await bob.ask(remove, { id: sent.id });
    expect(await last(ada, id)).toEqual({ lastMessage: { kind: 'TEXT', text: '' }, position: 4 });
    expect(await last(await guest(url, 'Eve'), id)).toEqual({ lastMessage: null, position: null });
  });
});

function cursorOf(text: string): string {
  return Buffer.from(text).toString('base64url');
}

describe('changes', () => {
  it('are the newest states after a position, in order of position', async () => {
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

  it('are for members only, at most a hundred', async () => {
    const id = await room();
    const eve = await guest(url, 'Eve');
    expect((await eve.ask(changes, { id, after: 0 })).channel.changes).toBeNull();
    expect((await eve.ask(changes, { id, after: 1_000 })).channel.changes).toBeNull();
    for (const first of [-1, 101]) expect(await ada.codeOf(changes, { id, after: 0, first })).toBe('BAD_USER_INPUT');
  });

  it('lead from any position to the same end, with any step size', async () => {
    const id = await room();
    const sent: Data[] = [];
    for (let n = 0; n < 4; n++)
      sent.push((await ada.ask(send, { input: { channelId: id, text: `${n}` } })).send.message);
    await ada.ask(edit, { id: sent[1].id, text: 'edited' });
    await ada.ask(remove, { id: sent[0].id });
    for (const first of [1, 2, 3, 100]) {
      const found: Data[] = [];
      for (let after = 0, hasMore = true; hasMore; ) {
        const step = (await bob.ask(changes, { id, after, first })).channel.changes;
        found.push(...step.messages);
        ({ hasMore, position: after } = step);
      }
      expect(found.map(({ text }) => text)).toEqual(['', '', '2', '3', 'edited', '']);
      expect(found.map(({ position }) => position)).toEqual([1, 2, 5, 6, 7, 8]);
    }
  });

  it('that are too many require a resync', async () => {
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

  it('are delivered live: each message, and again in each newer state', async () => {
    const id = await room();
    const client = socket(url, bob.token);
    const followed = followMessages(client, id, 0);
    const told = async (position: number) => {
      await vi.waitFor(() => expect(followed.received.at(-1)?.position).toBe(position));
    };
    await told(2);
    const sent = (await ada.ask(send, { input: { channelId: id, text: 'Hello' } })).send.message;
    await told(3);
    await ada.ask(edit, { id: sent.id, text: 'Hello!' });
    await told(4);
    await ada.ask(remove, { id: sent.id });
    await told(5);
    expect(followed.received.slice(2)).toEqual(
      ['Hello', 'Hello!', ''].map((text, n) => expect.objectContaining({ id: sent.id, seq: 3, position: 3 + n, text })),
    );
    await client.dispose();
  });

  it('are delivered in their newest state alone to a client that resumes, even from memory', async () => {
    const id = await room();
    const client = socket(url, bob.token);
    const live = followMessages(client, id, 0);
    const [secret, kept] = [
      (await ada.ask(send, { input: { channelId: id, text: 'Secret' } })).send.message,
      (await ada.ask(send, { input: { channelId: id, text: 'Kept' } })).send.message,
    ];
    await ada.ask(send, { input: { channelId: id, text: 'A reply', replyToId: secret.id } });
    const quoting = `subscription ($id: ID!) { messages(channelId: $id, after: 2) { position text replyTo { text } } }`;
    const textsOf = async (last: number) => {
      await vi.waitFor(() => expect(live.received.at(-1)?.position).toBe(last));
      const resumed = follow(client, quoting, { id });
      await vi.waitFor(() => expect(resumed.received.at(-1)?.position).toBe(last));
      return resumed.received.map(({ text, replyTo }) => `${text}: ${replyTo?.text ?? ''}`);
    };
    expect(await textsOf(6)).toEqual(['Kept: ', 'A reply: Secret', 'Secret: ']);
    await ada.ask(remove, { id: secret.id });
    await ada.ask(edit, { id: kept.id, text: 'Changed' });
    expect(await textsOf(8)).toEqual(['A reply: ', ': ', 'Changed: ']);
    await client.dispose();
  });

  it('are delivered to members only, from a valid position', async () => {
    const eve = await guest(url, 'Eve');
    const open = await room();
    const client = socket(url, eve.token);
    const adas = socket(url, ada.token);
    const codeOf = async (one: typeof client, id: string, after: number | null) => {
      const followed = followMessages(one, id, after);
      await vi.waitFor(() => expect(followed.ended).not.toBeNull());
      return followed.ended?.errors[0]?.extensions?.['code'];
    };
    for (const after of [null, 0, 1_000]) {
      expect(await codeOf(client, open, after)).toBe('FORBIDDEN');
      expect(await codeOf(client, channelId, after)).toBe('NOT_FOUND');
      expect(await codeOf(client, foreignId('c'), after)).toBe('NOT_FOUND');
      expect(await codeOf(client, 'nonsense', after)).toBe('NOT_FOUND');
    }
    expect(await codeOf(adas, open, -1)).toBe('BAD_USER_INPUT');
    await Promise.all([client.dispose(), adas.dispose()]);
  });
});

describe('a seen mark', () => {
  it('moves forward only, and unread messages are counted from it', async () => {
    const kim = await guest(url, 'Kim');
    const { id } = (await kim.ask('mutation ($id: ID!) { openDirect(userId: $id) { id } }', { id: ada.id })).openDirect;
    for (const text of ['a', 'b', 'c']) await ada.ask(send, { input: { channelId: id, text } });
    await kim.ask(send, { input: { channelId: id, text: 'own' } });
    const state = async () =>
      await kim.ask(
        'query ($id: ID!) { me { unreadCount } channel(id: $id) { viewerMembership { seenSeq unreadCount firstUnseen { text } } } }',
        { id },
      );
    const mark = (seq: number) =>
      kim.ask('mutation ($id: ID!, $seq: Int!) { markSeen(channelId: $id, seq: $seq) { seenSeq } }', { id, seq });

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
    expect(await kim.codeOf('mutation ($id: ID!) { markSeen(channelId: $id, seq: -1) { seenSeq } }', { id })).toBe(
      'BAD_USER_INPUT',
    );
    expect(
      await kim.codeOf('mutation ($id: ID!) { markSeen(channelId: $id, seq: 1) { seenSeq } }', { id: channelId }),
    ).toBe('NOT_FOUND');
  });

  it("begins at the member's own joining; joins and deleted messages are never unread, and no other user sees it", async () => {
    const id = await room();
    const [eve, kim] = await Promise.all([guest(url, 'Eve'), guest(url, 'Kim')]);
    await ada.ask(send, { input: { channelId: id, text: 'Before' } });
    const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
    const leave = 'mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }';
    const own = `query ($id: ID!) { me { unreadCount } channel(id: $id) {
      viewerMembership { seenSeq unreadCount firstUnseen { kind author { name } text } }
    } }`;
    await eve.ask(join, { id });
    expect(await eve.ask(own, { id })).toEqual({
      me: { unreadCount: 0 },
      channel: { viewerMembership: { seenSeq: 4, unreadCount: 0, firstUnseen: null } },
    });

    await kim.ask(join, { id });
    const sent = (await ada.ask(send, { input: { channelId: id, text: 'Taken back' } })).send.message;
    await ada.ask(remove, { id: sent.id });
    expect(await eve.ask(own, { id })).toEqual({
      me: { unreadCount: 0 },
      channel: { viewerMembership: { seenSeq: 4, unreadCount: 0, firstUnseen: null } },
    });
    await kim.ask(leave, { id });
    await ada.ask(send, { input: { channelId: id, text: 'Hello' } });
    expect(await eve.ask(own, { id })).toEqual({
      me: { unreadCount: 1 },
      channel: {
        viewerMembership: {
          seenSeq: 4,
          unreadCount: 1,
          firstUnseen: { kind: 'TEXT', author: { name: 'Ada' }, text: 'Hello' },
        },
      },
    });
    const members = `query ($id: ID!) { channel(id: $id) {
      members { edges { membership { unreadCount firstUnseen { id } } node { id unreadCount } } }
    } }`;
    const { edges } = (await eve.ask(members, { id })).channel.members;
    expect(edges.filter(({ node }: Data) => node.id !== eve.id)).toEqual(
      [ada, bob].map((one) => ({
        membership: { unreadCount: null, firstUnseen: null },
        node: { id: one.id, unreadCount: null },
      })),
    );

    await eve.ask(leave, { id });
    expect(await eve.ask(own, { id })).toEqual({ me: { unreadCount: 0 }, channel: { viewerMembership: null } });
    expect(await eve.codeOf('mutation ($id: ID!) { markSeen(channelId: $id, seq: 1) { seenSeq } }', { id })).toBe(
      'FORBIDDEN',
    );
    await eve.ask(join, { id });
    expect((await eve.ask(own, { id })).channel.viewerMembership).toMatchObject({ seenSeq: 10, unreadCount: 0 });
  });
});

describe('a pinned message', () => {
  const pin = 'mutation ($id: ID!) { pinMessage(messageId: $id) { id position pinnedAt } }';
  const unpin = 'mutation ($id: ID!) { unpinMessage(messageId: $id) { id pinnedAt } }';
  const list = 'query ($id: ID!) { channel(id: $id) { pinnedMessages { text pinnedAt } } }';
  const listedBy = async (who: Person, id: string) =>
    (await who.ask(list, { id })).channel.pinnedMessages?.map(({ text }: Data) => text) ?? null;

  it('is listed for members, newest pin first, and changes live', async () => {
    const id = await room();
    const [one, two] = [await say('One', { channelId: id }), await say('Two', { channelId: id }, bob)];
    const query = 'subscription ($id: ID!, $after: Int) { messages(channelId: $id, after: $after) { text pinnedAt } }';
    const live = follow(socket(url, bob.token), query, { id, after: two.position });
    const { cursor } = (await bob.ask('{ updates { cursor } }')).updates;
    await ada.ask(pin, { id: two.id });
    const { pinMessage } = await ada.ask(pin, { id: one.id });
    expect(pinMessage).toMatchObject({ id: one.id, pinnedAt: expect.any(String) });
    expect((await ada.ask(pin, { id: one.id })).pinMessage).toEqual(pinMessage);
    expect([await listedBy(bob, id), await listedBy(moderator, id)]).toEqual([['One', 'Two'], null]);
    expect((await ada.ask(unpin, { id: one.id })).unpinMessage.pinnedAt).toBeNull();
    await vi.waitFor(() =>
      expect(live.received.map(({ text, pinnedAt }) => [text, pinnedAt !== null])).toEqual([
        ['Two', true],
        ['One', true],
        ['One', false],
      ]),
    );
    await ada.ask(remove, { id: one.id });
    expect(await listedBy(ada, id)).toEqual(['Two']);
    const missed = 'query ($after: String) { updates(after: $after) { updates { event { __typename } } } }';
    const { updates } = (await bob.ask(missed, { after: cursor })).updates;
    expect(updates.map(({ event }: Data) => event.__typename)).toContain('ChannelChanged');
  });

  it('is left out for users who have blocked its author', async () => {
    const id = await room();
    const cleo = await guest(url, 'Cleo');
    await cleo.ask('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id });
    await ada.ask(pin, { id: (await say('One', { channelId: id }, bob)).id });
    await cleo.ask('mutation ($id: ID!) { block(userId: $id) { id } }', { id: bob.id });
    expect([await listedBy(cleo, id), await listedBy(ada, id)]).toEqual([[], ['One']]);
  });

  it('is pinned by moderators of a room alone, and by both members of a direct channel', async () => {
    const id = await room();
    const { id: messageId } = await say('One', { channelId: id }, bob);
    for (const mutation of [pin, unpin]) {
      expect(await bob.codeOf(mutation, { id: messageId })).toBe('FORBIDDEN');
      expect(await moderator.codeOf(mutation, { id: messageId })).toBe('NOT_FOUND');
      expect(await ada.codeOf(mutation, { id: foreignId('m') })).toBe('NOT_FOUND');
      expect(await ada.codeOf(mutation, { id: 'nothing' })).toBe('NOT_FOUND');
      expect((await ask(url, mutation, { id: messageId })).errors[0]?.extensions['code']).toBe('UNAUTHENTICATED');
    }
    const direct = (await bob.ask('mutation ($id: ID!) { openDirect(userId: $id) { id } }', { id: ada.id })).openDirect
      .id;
    const sent = await say('One', { channelId: direct });
    await bob.ask(pin, { id: sent.id });
    expect(await listedBy(ada, direct)).toEqual(['One']);
  });
});

describe('data and mentions', () => {
  const parts = 'id position text data mentions { id } mentionsAll';
  const sendParts = `mutation ($input: SendInput!) { send(input: $input) { message { ${parts} } } }`;
  const editParts = `mutation ($id: ID!, $text: String, $data: JSON, $mentionIds: [ID!], $ifPosition: Int) {
    editMessage(messageId: $id, text: $text, data: $data, mentionIds: $mentionIds, ifPosition: $ifPosition) { ${parts} }
  }`;
  const refusedWith = (code: string, path?: string) => ({
    errors: [{ extensions: { code, ...(path && { fields: [{ path }] }) } }],
  });
  const sendIn = (id: string, input: object, who = ada) =>
    ask(url, sendParts, { input: { channelId: id, ...input } }, who.token);
  const editOf = (id: string, change: object, who = ada) => ask(url, editParts, { id, ...change }, who.token);

  it('are returned as given, and are the same live and in the history until the message is deleted', async () => {
    const id = await room();
    const bobs = socket(url, bob.token);
    const live = follow(bobs, `subscription ($id: ID!) { messages(channelId: $id) { ${parts} } }`, { id });
    const data = JSON.parse('{"z":{"__proto__":[1,"é",null]},"a":1.5}');
    const input = { data, mentionIds: [bob.id, bob.id, ada.id], mentionsAll: true };
    await vi.waitFor(async () => {
      await sendIn(id, { text: 'Warm up' });
      expect(live.received.length).toBeGreaterThan(0);
    });

    const { message } = (await sendIn(id, input)).data.send;
    expect(message).toMatchObject({ text: '', mentions: [{ id: bob.id }, { id: ada.id }], mentionsAll: true });
    expect(JSON.stringify(message.data)).toBe(JSON.stringify(data));
    const edited = (await editOf(message.id, { text: 'Hi', mentionIds: [], ifPosition: message.position })).data;
    expect(edited.editMessage).toMatchObject({ text: 'Hi', mentions: [], mentionsAll: true });
    const history = `query ($id: ID!) { channel(id: $id) { messages(last: 1) { nodes { ${parts} } } } }`;
    const read = async () => (await bob.ask(history, { id })).channel.messages.nodes[0];
    expect(await read()).toEqual(edited.editMessage);
    await ada.ask(remove, { id: message.id });
    expect(await read()).toMatchObject({ data: null, mentions: [], mentionsAll: false });
    await vi.waitFor(async () => expect(live.received.slice(-3)).toEqual([message, edited.editMessage, await read()]));
    await bobs.dispose();
  });

  it('that are wrong are refused with their path, and members with a role alone mention everybody', async () => {
    const id = await room();
    const stranger = await guest(url, 'Stranger');
    const wrong: [object, ReturnType<typeof refusedWith>][] = [
      [{ data: [] }, refusedWith('BAD_USER_INPUT', 'input.data')],
      [{ data: { a: 'a\0' } }, refusedWith('BAD_USER_INPUT', 'input.data')],
      [{ data: { a: 'a'.repeat(5_000) } }, refusedWith('TOO_LARGE')],
      [{ text: 'Hi', mentionIds: [bob.id, stranger.id] }, refusedWith('BAD_USER_INPUT', 'input.mentionIds.1')],
      [{ text: 'Hi', mentionIds: Array(101).fill(bob.id) }, refusedWith('BAD_USER_INPUT', 'input.mentionIds')],
      [{ data: null }, refusedWith('BAD_USER_INPUT', 'input.text')],
    ];
    for (const [input, refusal] of wrong) expect(await sendIn(id, input)).toMatchObject(refusal);
    const twice = 'mutation ($id: ID!) { send(input: { channelId: $id, data: { a: 1, a: 2 } }) { message { id } } }';
    expect(await ask(url, twice, { id }, ada.token)).toMatchObject(refusedWith('GRAPHQL_VALIDATION_FAILED'));
    expect(await sendIn(id, { text: 'All', mentionsAll: true }, bob)).toMatchObject(refusedWith('FORBIDDEN'));
    const block = 'mutation ($id: ID!) { block(userId: $id) { id } }';
    await bob.ask(block, { id: ada.id });
    const dropped = await sendIn(id, { text: 'Hi', mentionIds: [bob.id, ada.id] });
    expect(dropped.data.send.message.mentions).toEqual([{ id: ada.id }]);
    expect(await sendIn(id, { text: 'Hi', mentionIds: [ada.id] }, bob)).toMatchObject(refusedWith('CONFLICT'));
    await bob.ask('mutation ($id: ID!) { unblock(userId: $id) { id } }', { id: ada.id });
  });

  it('are edited apart from the text, which stays, and an edit must leave something', async () => {
    const id = await room();
    const { message } = (await sendIn(id, { data: { n: 1 } })).data.send;
    expect(await editOf(message.id, {})).toMatchObject(refusedWith('BAD_USER_INPUT', 'text'));
    expect(await editOf(message.id, { data: null })).toMatchObject(refusedWith('BAD_USER_INPUT', 'data'));
    expect((await editOf(message.id, { text: 'Hi', data: null })).data.editMessage).toMatchObject({ data: null });
    const stale = { text: 'Late', ifPosition: message.position };
    expect(await editOf(message.id, stale)).toMatchObject(refusedWith('CONFLICT'));
    expect((await editOf(message.id, { data: { n: 2 } })).data.editMessage).toMatchObject({
      text: 'Hi',
      data: { n: 2 },
    });
  });

  it('of users and rooms are set, kept and removed', async () => {
    const create = 'mutation { createRoom(input: { name: "Data", data: { a: 1 } }) { id data } }';
    const { id, data } = (await ada.ask(create)).createRoom;
    expect(data).toEqual({ a: 1 });
    const update =
      'mutation ($id: ID!, $name: String, $data: JSON) { updateRoom(channelId: $id, name: $name, data: $data) { data } }';
    expect((await ada.ask(update, { id, name: 'New' })).updateRoom.data).toEqual({ a: 1 });
    expect((await ada.ask(update, { id, data: null })).updateRoom.data).toBeNull();
    const profile = 'mutation ($input: ProfileInput!) { updateProfile(input: $input) { data } }';
    expect((await ada.ask(profile, { input: { data: { b: 2 } } })).updateProfile.data).toEqual({ b: 2 });
    expect((await ada.ask(profile, { input: { name: 'Ada' } })).updateProfile.data).toEqual({ b: 2 });
    const seen = (await bob.ask('query ($id: ID!) { user(id: $id) { data } }', { id: ada.id })).user;
    expect(seen.data).toEqual({ b: 2 });
    expect((await ada.ask(profile, { input: { data: null } })).updateProfile.data).toBeNull();
  });
});

describe('the earlier texts of a message', () => {
  const versions = 'versions { text replacedAt }';
  const read = `query ($id: ID!) { node(id: $id) { ... on Message { ${versions} } } }`;
  const textsOf = async (who: Person, id: string) =>
    (await who.ask(read, { id })).node.versions?.map(({ text }: Data) => text) ?? null;

  it('are shown to its author and to moderators, and to nobody once it is deleted', async () => {
    const id = await room();
    const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
    const cleo = await guest(url, 'Cleo');
    await Promise.all([cleo, moderator].map((who) => who.ask(join, { id })));
    const sent = await say('One', { channelId: id }, bob);
    expect(await textsOf(bob, sent.id)).toEqual([]);
    const everyone = [bob, ada, moderator, cleo];
    const seen = everyone.map((who) =>
      follow(
        socket(url, who.token),
        `subscription ($id: ID!) { messages(channelId: $id, after: 0) { text ${versions} } }`,
        { id },
      ),
    );
    for (const text of ['Two', 'Three']) await bob.ask(edit, { id: sent.id, text });
    expect(await Promise.all(everyone.map((who) => textsOf(who, sent.id)))).toEqual([
      ...[bob, ada, moderator].map(() => ['One', 'Two']),
      null,
    ]);
    await vi.waitFor(() => {
      const latest = seen.map(({ received }) => received.at(-1));
      expect(latest.map((message: Data) => [message?.text, message?.versions?.length ?? null])).toEqual([
        ...[bob, ada, moderator].map(() => ['Three', 2]),
        ['Three', null],
      ]);
    });
    await bob.ask(remove, { id: sent.id });
    expect(await Promise.all(everyone.map((who) => textsOf(who, sent.id)))).toEqual([[], [], [], null]);
  });

  it('of a direct channel are shown to its author alone, and are not there for strangers', async () => {
    const id = (await bob.ask('mutation ($id: ID!) { openDirect(userId: $id) { id } }', { id: ada.id })).openDirect.id;
    const sent = await say('One', { channelId: id });
    await ada.ask(edit, { id: sent.id, text: 'Two' });
    expect([await textsOf(ada, sent.id), await textsOf(bob, sent.id)]).toEqual([['One'], null]);
    expect((await moderator.ask(read, { id: sent.id })).node).toBeNull();
    expect((await ask(url, read, { id: sent.id })).data.node).toBeNull();
  });
});
