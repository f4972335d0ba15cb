import { beforeAll, expect, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { guest, type Person } from '../support/client.ts';
import { current, type Device, newDevice, openDevice, roomOf, say, textsOf } from '../support/parley.ts';
import { type SocketProxy, startSocketProxy } from '../support/socket-proxy.ts';

let url: string;
let proxy: SocketProxy;
let grace: Person;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  proxy = await startSocketProxy(url);
  grace = await guest(url, 'Grace');
  return async () => {
    await proxy.stop();
    await app.stop();
  };
});

test('one subscription tells of messages, of a new channel, and of unread counts', async () => {
  const ada = await newDevice(url, 'Ada');
  await current(ada);
  const channelId = await roomOf(url, grace, ada);
  await vi.waitFor(() => expect(ada.parley.channels.find(channelId)?.name).toBe('Fruit'));
  const close = ada.parley.conversation(channelId).open();
  await say(grace, channelId, 'a plum');
  await vi.waitFor(() => expect(textsOf(ada, channelId)).toEqual(['a plum']));
  const channel = ada.parley.channels.find(channelId);
  expect(channel).toMatchObject({ lastMessage: { text: 'a plum' }, viewerMembership: { unreadCount: 1 } });

  ada.parley.markSeen(channelId, channel?.lastMessage?.seq ?? 0);
  expect(ada.parley.channels.find(channelId)?.viewerMembership?.unreadCount).toBe(0);
  ada.parley.outbox.send({ channelId, text: 'a pear' });
  await vi.waitFor(() => expect(textsOf(ada, channelId)).toEqual(['a plum', 'a pear']));
  await vi.waitFor(() => expect(ada.parley.outbox.get()).toEqual([]));
  close();
  await ada.parley.dispose();
});

test('after a reload the stored state is there at once, and the changes since then follow', async () => {
  const ada = await newDevice(url, 'Ada');
  const channelId = await roomOf(url, grace, ada);
  ada.parley.conversation(channelId).open();
  await say(grace, channelId, 'before');
  await current(ada);
  await vi.waitFor(() => expect(textsOf(ada, channelId)).toEqual(['before']));
  await ada.parley.dispose();
  await say(grace, channelId, 'meanwhile');

  const again = openDevice(url, ada.platform);
  await vi.waitFor(() => expect(textsOf(again, channelId)).toContain('before'));
  await current(again);
  expect(textsOf(again, channelId)).toEqual(['before', 'meanwhile']);
  expect(again.parley.channels.find(channelId)?.viewerMembership?.unreadCount).toBe(2);
  await again.parley.dispose();
});

test.each([1012, 1013, 4403])('after close code %i the client connects again and misses nothing', async (code) => {
  const ada = await newDevice(proxy.url, 'Ada');
  const channelId = await followedRoom(ada);
  const before = ada.session.get()?.refreshToken;
  const opened = proxy.opened();
  proxy.closeAll(code);
  await say(grace, channelId, 'meanwhile');
  await vi.waitFor(() => expect(textsOf(ada, channelId)).toEqual(['meanwhile']));
  expect(proxy.opened()).toBeGreaterThan(opened);
  // 4403 says that the token was refused.
  expect(ada.session.get()?.refreshToken === before).toBe(code !== 4403);
  await ada.parley.dispose();
});

test('a connection that is silent, as after the sleep of a laptop, is noticed by a ping and replaced', async () => {
  const ada = await newDevice(proxy.url, 'Ada', { keepAliveMs: 200, pongTimeoutMs: 2_000 });
  const channelId = await followedRoom(ada);
  const opened = proxy.opened();
  proxy.freeze();
  await say(grace, channelId, 'meanwhile');
  await vi.waitFor(() => expect(textsOf(ada, channelId)).toEqual(['meanwhile']));
  expect(proxy.opened()).toBeGreaterThan(opened);
  await ada.parley.dispose();
});

test('a hundred messages that wait in the outbox are sent after a reload, in order and once each', async () => {
  const ada = await newDevice(url, 'Ada');
  const channelId = await roomOf(url, grace, ada);
  const texts = Array.from({ length: 100 }, (_, n) => `message ${n}`);
  for (const text of texts) ada.parley.outbox.send({ channelId, text });
  await ada.parley.dispose();

  const again = openDevice(url, ada.platform);
  again.parley.conversation(channelId).open();
  await vi.waitFor(() => expect(again.parley.outbox.get()).not.toHaveLength(0));
  await vi.waitFor(() => expect(again.parley.outbox.get()).toHaveLength(0));
  expect(await history(channelId)).toEqual(texts);
  await again.parley.dispose();
});

test('of two tabs with one outbox one sends, and both show the same', async () => {
  const ada = await newDevice(url, 'Ada');
  const channelId = await roomOf(url, grace, ada);
  const tab = openDevice(url, ada.platform);
  const numbers = Array.from({ length: 20 }, (_, n) => n);
  for (const n of numbers) {
    ada.parley.outbox.send({ channelId, text: `first ${n}` });
    tab.parley.outbox.send({ channelId, text: `second ${n}` });
  }
  await vi.waitFor(async () => expect(await history(channelId)).toHaveLength(40));
  const sent = await history(channelId);
  expect(sent.filter((text) => text.startsWith('first'))).toEqual(numbers.map((n) => `first ${n}`));
  expect(sent.filter((text) => text.startsWith('second'))).toEqual(numbers.map((n) => `second ${n}`));
  await vi.waitFor(() => expect([ada, tab].flatMap(({ parley }) => parley.outbox.get())).toEqual([]));
  await ada.parley.dispose();
  await tab.parley.dispose();
});

/** Creates a room that the device follows. */
async function followedRoom(device: Device): Promise<string> {
  const channelId = await roomOf(url, grace, device);
  device.parley.conversation(channelId).open();
  await current(device);
  await vi.waitFor(() => expect(device.parley.conversation(channelId).get().status).toBe('ready'));
  return channelId;
}

/** Returns the texts of the newest messages on the server. */
async function history(channelId: string): Promise<string[]> {
  const query = 'query ($id: ID!) { channel(id: $id) { messages(last: 100) { nodes { kind text } } } }';
  const { channel } = await grace.ask(query, { id: channelId });
  const nodes: { kind: string; text: string }[] = channel.messages.nodes;
  return nodes.filter(({ kind }) => kind === 'TEXT').map(({ text }) => text);
}
