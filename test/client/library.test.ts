import { rm } from 'node:fs/promises';
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { ask, guest, type Person } from '../support/client.ts';
import { createDataDirectory } from '../support/data-directory.ts';
import { freePort } from '../support/free-port.ts';
import { current, type Device, newDevice, openDevice, roomOf, say, textsOf } from '../support/parley.ts';
import { type SocketProxy, startSocketProxy } from '../support/socket-proxy.ts';

let url: string;
let proxy: SocketProxy;
let grace: Person;

beforeAll(async () => {
  const app = await startApp({ MAX_REPLAY: '20' });
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

test('an outage of which the browser tells begins when it tells, and is none while the server responds', async () => {
  onTestFinished(() => void vi.unstubAllGlobals());
  const browser = new EventTarget();
  vi.stubGlobal('window', browser);
  vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible' }));
  const ada = await newDevice(proxy.url, 'Ada', { keepAliveMs: 60_000 });
  await followedRoom(ada);
  const goOffline = () => browser.dispatchEvent(new Event('offline'));
  const pongs = proxy.pongs();
  goOffline();
  await vi.waitFor(() => expect(proxy.pongs()).toBeGreaterThan(pongs));
  expect(ada.parley.connection.get().state).toBe('connected');

  proxy.freeze();
  const before = Date.now();
  goOffline();
  const after = Date.now();
  await vi.waitFor(() => expect(ada.parley.connection.get().state).toBe('reconnecting'));
  const { since } = ada.parley.connection.get() as { since: number };
  expect(since).toBeGreaterThanOrEqual(before);
  expect(since).toBeLessThanOrEqual(after);
  await ada.parley.dispose();
});

test('a restart of the server and tokens that expire interrupt nothing', async () => {
  const settings = { PORT: String(await freePort()), DATA_DIR: await createDataDirectory() };
  const first = await startApp(settings);
  const [ada, bob] = [await newDevice(first.url, 'Ada'), await newDevice(first.url, 'Bob')];
  const created = await bob.parley.client.mutation('mutation { createRoom(input: { name: "Fruit" }) { id } }', {});
  const channelId: string = created.data.createRoom.id;
  await ada.parley.client.mutation('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id: channelId });
  ada.parley.conversation(channelId).open();
  await current(ada);
  await first.stop();
  await vi.waitFor(() => expect(ada.parley.connection.get().state).toBe('reconnecting'));
  expect(ada.parley.sync.get().status).toBe('behind');
  for (const { parley } of [ada, bob]) parley.outbox.send({ channelId, text: 'written meanwhile' });

  const second = await startApp({ ...settings, TOKEN_TTL_SECONDS: '3' });
  const written = ['written meanwhile', 'written meanwhile'];
  await vi.waitFor(() => expect(textsOf(ada, channelId)).toEqual(written));

  const cleo = await newDevice(second.url, 'Cleo');
  const { refreshToken } = cleo.session.get() ?? {};
  await cleo.parley.client.mutation('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id: channelId });
  cleo.parley.conversation(channelId).open();
  await vi.waitFor(() => expect(cleo.session.get()?.refreshToken).not.toBe(refreshToken));
  bob.parley.outbox.send({ channelId, text: 'with a new token' });
  await vi.waitFor(() => expect(textsOf(cleo, channelId)).toEqual([...written, 'with a new token']));
  for (const { parley } of [ada, bob, cleo]) await parley.dispose();
  await second.stop();
  await rm(settings.DATA_DIR, { recursive: true });
});

test('a session that is revoked elsewhere ends with a reason', async () => {
  const ada = await newDevice(url, 'Ada');
  await current(ada);
  const { token } = ada.session.get() as { token: string };
  const { sessions } = (await ask(url, '{ sessions { id } }', {}, token)).data;
  await ask(url, 'mutation ($id: ID!) { revokeSession(id: $id) { id } }', { id: sessions[0].id }, token);
  await vi.waitFor(() => expect(ada.session.get()).toBeNull());
  expect(ada.session.ended.get()?.code).toBe('UNAUTHENTICATED');
  await ada.parley.dispose();
});

test('a gap that is too long to replay loads the channel again, and an open conversation with it', async () => {
  const ada = await newDevice(proxy.url, 'Ada');
  const channelId = await followedRoom(ada);
  await ada.parley.dispose();
  const texts = Array.from({ length: 30 }, (_, n) => `message ${n}`);
  for (const text of texts) await say(grace, channelId, text);
  const again = openDevice(proxy.url, ada.platform);
  again.parley.conversation(channelId).open();
  await current(again);
  await vi.waitFor(() => expect(textsOf(again, channelId)).toEqual(texts));
  expect(again.parley.channels.find(channelId)?.viewerMembership?.unreadCount).toBe(30);
  await again.parley.dispose();
});

test('a channel that the viewer was removed from is gone, and opening it fails once', async () => {
  const ada = await newDevice(url, 'Ada');
  const channelId = await followedRoom(ada);
  const kick = 'mutation ($id: ID!, $userId: ID!) { kick(channelId: $id, userId: $userId) { id } }';
  await grace.ask(kick, { id: channelId, userId: ada.parley.viewer.get().id });
  await vi.waitFor(() => expect(ada.parley.channels.find(channelId)).toBeUndefined());
  await vi.waitFor(() => expect(ada.parley.conversation(channelId).get().status).toBe('failed'));
  expect(ada.parley.conversation(channelId).get()).toMatchObject({ failure: { code: 'NOT_FOUND' }, messages: [] });
  await ada.parley.dispose();
});

test('the queue is left for good, and a match has its end', async () => {
  const ada = await newDevice(url, 'Ada');
  const bob = await newDevice(url, 'Bob');
  await Promise.all([ada, bob].map(current));
  await ada.parley.match.find();
  expect(ada.parley.match.get()?.status).toBe('WAITING');
  expect(await ada.parley.match.leave()).toBeNull();
  expect(ada.parley.match.get()?.status).not.toBe('WAITING');

  await ada.parley.match.find();
  await bob.parley.match.find();
  await vi.waitFor(() => expect(ada.parley.match.get()).toMatchObject({ status: 'MATCHED', partner: { name: 'Bob' } }));
  await bob.parley.match.leave();
  await vi.waitFor(() => expect(ada.parley.match.get()?.endReason).toBe('PARTNER_LEFT'));
  await Promise.all([ada, bob].map(({ parley }) => parley.dispose()));
});

test('files are uploaded before their message, in its place, and are kept in the outbox until then', async () => {
  const ada = await newDevice(proxy.url, 'Ada');
  const channelId = await followedRoom(ada);
  const progress: number[] = [];
  ada.parley.outbox.progress.subscribe(() => progress.push(...ada.parley.outbox.progress.get().values()));
  const files = ['a plum', 'a pear'].map((text) => new File([text], `${text}.txt`, { type: 'text/plain' }));
  ada.parley.outbox.send({ channelId, text: 'two files', files });
  ada.parley.outbox.send({ channelId, text: 'and no file' });
  await vi.waitFor(() => expect(textsOf(ada, channelId)).toEqual(['two files', 'and no file']));
  const [message] = ada.parley
    .conversation(channelId)
    .get()
    .messages.filter(({ text }) => text === 'two files');
  expect(message?.attachments.map(({ filename }) => filename)).toEqual(['a plum.txt', 'a pear.txt']);
  expect(progress).toEqual([0.5, 1]);
  await ada.parley.dispose();
});

test('a message that the server refuses fails, and waits until it is sent again or discarded', async () => {
  const ada = await newDevice(url, 'Ada');
  const channelId = await roomOf(url, grace, ada);
  const refused = ada.parley.outbox.send({ channelId, text: '' });
  ada.parley.outbox.send({ channelId, text: 'a plum' });
  await vi.waitFor(() => expect(ada.parley.outbox.get()).toMatchObject([{ clientId: refused, state: 'failed' }]));
  ada.parley.outbox.retry(refused);
  await vi.waitFor(() => expect(ada.parley.outbox.get()).toMatchObject([{ failure: { code: 'BAD_USER_INPUT' } }]));
  ada.parley.outbox.discard(refused);
  expect(ada.parley.outbox.get()).toEqual([]);
  expect(await history(channelId)).toEqual(['a plum']);
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
