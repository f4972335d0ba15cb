import { afterEach, describe, expect, test, vi } from 'vitest';
import { ask, type Data, followMessages, guest, type Person, socket } from '../support/client.ts';

const send = `mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id cursor } } }`;
const create = 'mutation { createRoom(input: { name: "Room" }) { id } }';
const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
const remove = 'mutation ($id: ID!) { deleteMessage(messageId: $id) { id } }';
const edit = 'mutation ($id: ID!) { editMessage(messageId: $id, text: "Edited") { id } }';
const page = `query ($id: ID!, $around: ID, $first: Int, $after: String, $last: Int, $before: String) { channel(id: $id) {
  messages(around: $around, first: $first, after: $after, last: $last, before: $before) {
    position nodes { id text deletedAt cursor } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
} }`;

/** States how pages around a message work over any services. @param urlOf returns the URL of one of two gateways */
export function describePagesAround(urlOf: (gateway: 0 | 1) => string): void {
  const sockets: { dispose(): void | Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of sockets.splice(0)) await one.dispose();
  });

  /** Opens a room of Ada and Bob, in which Ada has written numbers: the entries of joining are first. */
  async function setUp(count: number) {
    const [ada, bob] = await Promise.all([guest(urlOf(0), 'Ada'), guest(urlOf(0), 'Bob')]);
    const { id } = (await ada.ask(create)).createRoom;
    await bob.ask(join, { id });
    const sent: { id: string; cursor: string }[] = [];
    for (let n = 0; n < count; n++) sent.push((await ada.ask(send, { id, text: `${n}` })).send.message);
    return { ada, bob, id, sent, read: readerOf(bob, id) };
  }

  const readerOf = (who: Person, id: string) => async (variables: object) =>
    (await ask(urlOf(1), page, { id, ...variables }, who.token)).data.channel.messages;
  const codeOf = async (who: Person, id: string, variables: object) =>
    (await ask(urlOf(1), page, { id, ...variables }, who.token)).errors[0]?.extensions['code'];
  const textsOf = ({ nodes }: Data): string[] => nodes.map(({ text }: { text: string }) => text);

  describe('a page around a message', () => {
    test('has the message in the middle, continues in both directions, and is full near an end', async () => {
      const { sent, read } = await setUp(9);
      const middle = await read({ around: sent[4]?.id, first: 3 });
      expect(textsOf(middle)).toEqual(['3', '4', '5']);
      expect(middle.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: true });
      const { startCursor, endCursor } = middle.pageInfo;
      expect(textsOf(await read({ last: 2, before: startCursor }))).toEqual(['1', '2']);
      expect(textsOf(await read({ first: 2, after: endCursor }))).toEqual(['6', '7']);

      const newest = await read({ around: sent[8]?.id, first: 3 });
      expect(textsOf(newest)).toEqual(['6', '7', '8']);
      expect(newest.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: false });
      const whole = await read({ around: sent[8]?.id });
      expect(textsOf(whole)).toEqual(['', '', ...'012345678']);
      expect(whole.pageInfo).toMatchObject({ hasPreviousPage: false, hasNextPage: false });
      const oldest = await read({ around: whole.nodes[0].id, first: 4 });
      expect(textsOf(oldest)).toEqual(['', '', '0', '1']);
      expect(oldest.pageInfo).toMatchObject({ hasPreviousPage: false, hasNextPage: true });
    });

    test('has a deleted message in the middle as well', async () => {
      const { ada, sent, read } = await setUp(3);
      await ada.ask(remove, { id: sent[1]?.id });
      const { nodes } = await read({ around: sent[1]?.id, first: 3 });
      expect(nodes).toMatchObject([
        { text: '0', deletedAt: null },
        { id: sent[1]?.id, text: '', deletedAt: expect.any(String) },
        { text: '2', deletedAt: null },
      ]);
    });

    test('has a position from which a subscription goes on without a gap', async () => {
      const { ada, bob, id, sent, read } = await setUp(5);
      const { position } = await read({ around: sent[1]?.id, first: 3 });
      await ada.ask(edit, { id: sent[0]?.id });
      await ada.ask(send, { id, text: 'Missed' });
      const client = socket(urlOf(1), bob.token);
      sockets.push(client);
      const followed = followMessages(client, id, position);
      await vi.waitFor(() => expect(textsOf({ nodes: followed.received })).toEqual(['Edited', 'Missed']));
      await ada.ask(send, { id, text: 'Live' });
      await vi.waitFor(() => expect(textsOf({ nodes: followed.received })).toEqual(['Edited', 'Missed', 'Live']));
    });

    test('is of the viewer: null for others, not found for messages that the viewer may not read', async () => {
      const { ada, bob, id, sent } = await setUp(1);
      const around = sent[0]?.id;
      const eve = await guest(urlOf(0), 'Eve');
      const stranger = await ask(urlOf(1), page, { id, around }, eve.token);
      expect(stranger).toMatchObject({ data: { channel: { messages: null } }, errors: [] });
      const other = (await eve.ask(create)).createRoom.id;
      expect(await codeOf(eve, other, { around })).toBe('NOT_FOUND');
      expect(await codeOf(bob, id, { around: id })).toBe('NOT_FOUND');
      expect(await codeOf(bob, id, { around })).toBeUndefined();
      await bob.ask('mutation ($id: ID!) { block(userId: $id) { id } }', { id: ada.id });
      expect(await codeOf(bob, id, { around })).toBe('NOT_FOUND');
    });

    test.each([
      [{ last: 1 }, 'last'],
      [{ first: 1, last: 1 }, 'last'],
      [{ after: 'MQ' }, 'after'],
      [{ before: 'MQ' }, 'before'],
      [{ first: 0 }, 'first'],
      [{ first: 101 }, 'first'],
      [{ first: -1 }, 'first'],
    ])('cannot be read with %o', async (variables, path) => {
      const { bob, id, sent } = await setUp(1);
      const { data, errors } = await ask(urlOf(1), page, { id, around: sent[0]?.id, ...variables }, bob.token);
      expect(data).toEqual({ channel: { messages: null } });
      expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path }] });
    });
  });

  test('a message has the cursor of its edge, wherever it is read', async () => {
    const { bob, sent, read } = await setUp(3);
    const { nodes, edges } = await read({});
    expect(nodes.map(({ cursor }: Data) => cursor)).toEqual(edges.map(({ cursor }: Data) => cursor));
    const { node } = await bob.ask('query ($id: ID!) { node(id: $id) { ... on Message { cursor } } }', {
      id: sent[1]?.id,
    });
    expect(node.cursor).toBe(sent[1]?.cursor);
    expect(textsOf(await read({ first: 1, after: node.cursor }))).toEqual(['2']);
    expect(textsOf(await read({ last: 1, before: node.cursor }))).toEqual(['0']);
  });
}
