import { beforeAll, expect, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { type Followed, follow, followMessages, guest, type Person, socket } from '../support/client.ts';

let url: string;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  return app.stop;
});

const send = `mutation ($channelId: ID!, $text: String!, $clientId: String) {
  send(input: { channelId: $channelId, text: $text, clientId: $clientId }) { message { id seq position } }
}`;
const history = `query ($id: ID!) { channel(id: $id) { messages(last: 100) { position nodes { id seq kind text } } } }`;

async function match(): Promise<{ ada: Person; bob: Person; channelId: string }> {
  const [ada, bob] = await Promise.all([guest(url, 'Ada'), guest(url, 'Bob')]);
  const following = follow(socket(url, ada.token), 'subscription { match { status channel { id } partner { name } } }');
  await vi.waitFor(() => expect(following.received).toEqual([null]));
  await ada.ask('mutation { match { status } }');
  await vi.waitFor(() => expect(following.received.at(-1)).toMatchObject({ status: 'WAITING' }));
  await bob.ask('mutation { match { status } }');
  await vi.waitFor(() =>
    expect(following.received.at(-1)).toMatchObject({ status: 'MATCHED', partner: { name: 'Bob' } }),
  );
  following.stop();
  return { ada, bob, channelId: following.received.at(-1).channel.id };
}

function texts({ received }: Followed): string[] {
  return received.map(({ text }) => text);
}

test('two strangers who match and chat get every message once and in the same order, across lost connections', async () => {
  const { ada, bob, channelId } = await match();
  const adasSocket = socket(url, ada.token);
  const adas = followMessages(adasSocket, channelId, 0);
  const bobs = followMessages(socket(url, bob.token), channelId, 0);

  const say = async (from: Person, name: string, count: number) => {
    for (let n = 0; n < count; n++) {
      await from.ask(send, { channelId, text: `${name} ${n}`, clientId: `${name}-${n}` });
      if (name === 'ada' && n % 7 === 3) adasSocket.drop();
    }
  };
  await Promise.all([say(ada, 'ada', 40), say(bob, 'bob', 40)]);

  await vi.waitFor(() => expect(bobs.received).toHaveLength(80));
  await vi.waitFor(() => expect(adas.received).toHaveLength(80));
  expect(adas.received).toEqual(bobs.received);
  const positions = adas.received.map(({ position }) => position);
  expect(positions).toEqual(Array.from({ length: 80 }, (_, n) => n + 1));
  const { channel } = await ada.ask(history, { id: channelId });
  expect(channel.messages.nodes.map(({ text }: { text: string }) => text)).toEqual(texts(adas));
});

test('leaving a match tells the partner, closes the channel, and lets both be matched again, but not with each other', async () => {
  const { ada, bob, channelId } = await match();
  const bobsMatch = follow(socket(url, bob.token), 'subscription { match { status endReason } }');
  await vi.waitFor(() => expect(bobsMatch.received).toEqual([{ status: 'MATCHED', endReason: null }]));
  const adas = followMessages(socket(url, ada.token), channelId, 0);
  const bobs = followMessages(socket(url, bob.token), channelId, 0);
  await bob.ask(send, { channelId, text: 'hello' });
  await vi.waitFor(() => expect(texts(adas)).toEqual(['hello']));

  const { unmatch } = await ada.ask('mutation { unmatch { status endReason } }');
  expect(unmatch).toEqual({ status: 'ENDED', endReason: 'LEFT' });

  await vi.waitFor(() => expect(bobsMatch.received.at(-1)).toEqual({ status: 'ENDED', endReason: 'PARTNER_LEFT' }));
  await vi.waitFor(() => expect(bobs.received.at(-1)).toMatchObject({ kind: 'LEFT', author: { id: ada.id } }));
  await vi.waitFor(() => expect(adas.ended?.errors[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' }));
  expect(await bob.codeOf(send, { channelId, text: 'are you there?' })).toBe('CONFLICT');
  expect(await ada.codeOf(send, { channelId, text: 'never mind' })).toBe('CONFLICT');
  const page = `query ($id: ID!) { channel(id: $id) { peer { name } messages(last: 9) { nodes { kind text author { name } } } } }`;
  const [left, stayed] = [await ada.ask(page, { id: channelId }), await bob.ask(page, { id: channelId })];
  expect(left.channel.messages).toEqual(stayed.channel.messages);
  expect(left.channel.peer).toEqual({ name: 'Bob' });
  expect(left.channel.messages.nodes).toMatchObject([{ text: 'hello', author: { name: 'Bob' } }, { kind: 'LEFT' }]);
  expect((await (await guest(url, 'Eve')).ask(history, { id: channelId })).channel).toBeNull();

  await ada.ask('mutation { match { status } }');
  expect((await bob.ask('mutation { match { status } }')).match.status).toBe('WAITING');
  const [carol, dan] = await Promise.all([guest(url, 'Carol'), guest(url, 'Dan')]);
  expect((await carol.ask('mutation { match { status } }')).match.status).toBe('MATCHED');
  expect((await dan.ask('mutation { match { status } }')).match.status).toBe('MATCHED');
});

test('a message committed between a page and the subscription from its position is not lost', async () => {
  const { ada, bob, channelId } = await match();
  await ada.ask(send, { channelId, text: 'before' });
  const { channel } = await bob.ask(history, { id: channelId });
  await ada.ask(send, { channelId, text: 'in between' });

  const bobs = followMessages(socket(url, bob.token), channelId, channel.messages.position);

  await vi.waitFor(() => expect(texts(bobs)).toEqual(['in between']));
});

test('a retry returns the same message after its author left, the channel was closed, and the message was deleted', async () => {
  const { ada, channelId } = await match();
  const said = { channelId, text: 'once', clientId: 'the-same' };
  const { message } = (await ada.ask(send, said)).send;
  const remove = 'mutation ($id: ID!) { deleteMessage(messageId: $id) { deletedAt } }';
  await ada.ask(remove, { id: message.id });
  expect((await ada.ask(send, said)).send.message).toMatchObject({ id: message.id, seq: message.seq });

  await ada.ask('mutation { unmatch { status } }');

  expect((await ada.ask(send, said)).send.message).toMatchObject({ id: message.id, seq: message.seq });
  expect((await ada.ask(send, { ...said, text: '' })).send.message.id).toBe(message.id);
});
