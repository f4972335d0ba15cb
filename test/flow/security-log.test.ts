import { beforeAll, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { ask, guest, type Person, socket } from '../support/client.ts';
import { appointed } from '../support/moderators.ts';
import { eventsOfServer } from '../support/security-events.ts';

let app: Awaited<ReturnType<typeof startApp>>;
let ada: Person;

beforeAll(async () => {
  app = await startApp();
  ada = await guest(app.url, 'Ada');
  return app.stop;
});

const linesOf = (event: string) => app.logger.childLines.filter((line) => line['event'] === event);

it('has the client of a request over HTTP, and of an operation over a WebSocket', async () => {
  const rename = 'mutation ($name: String!) { updateProfile(input: { name: $name }) { id } }';
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${ada.token}` };
  await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: { ...headers, 'x-request-id': 'asked-for-1', 'user-agent': 'some browser' },
    body: JSON.stringify({ query: rename, variables: { name: 'Countess' } }),
  });
  expect(linesOf('user_updated')).toMatchObject([
    { log: 'security', address: '127.0.0.1', userAgent: 'some browser', requestId: 'asked-for-1' },
  ]);

  const client = socket(app.url, ada.token);
  client.subscribe(
    { query: rename, variables: { name: 'Ada' } },
    { next: () => {}, error: () => {}, complete: () => {} },
  );
  await vi.waitFor(() => expect(linesOf('user_updated')).toHaveLength(2));
  expect(linesOf('user_updated')[1]).toMatchObject({
    address: '127.0.0.1',
    requestId: expect.stringMatching(/^[\da-f-]{36}$/),
    userId: linesOf('user_updated')[0]?.['userId'],
  });
  await client.dispose();
});

it('has the end of a room once it is closed, and no refused attempt', async () => {
  const { createRoom } = await ada.ask('mutation { createRoom(input: { name: "Secret room" }) { id } }');
  const close = 'mutation ($id: ID!) { closeRoom(channelId: $id) { id } }';
  const eve = await guest(app.url, 'Eve');
  await ask(app.url, close, createRoom, eve.token);
  expect(linesOf('room_closed')).toEqual([]);

  await ada.ask(close, createRoom);

  expect(linesOf('room_closed')).toMatchObject([{ channelId: expect.any(String), address: '127.0.0.1' }]);
  expect(JSON.stringify(app.logger.childLines)).not.toContain('Secret room');
});

it('has every act of moderation, with who acted on whom', async () => {
  const mod = await appointed(app);
  const eve = await guest(app.url, 'Eve');
  const { createRoom } = await ada.ask('mutation { createRoom(input: { name: "Moderated" }) { id } }');
  const given = { room: createRoom.id, eve: eve.id };
  const act = (call: string) => ada.ask(`mutation ($room: ID!, $eve: ID!) { ${call} }`, given);
  await eve.ask('mutation ($room: ID!) { joinRoom(channelId: $room) { id } }', given);
  const say = 'mutation ($room: ID!) { send(input: { channelId: $room, text: "spam" }) { message { id } } }';
  const messageId = (await eve.ask(say, given)).send.message.id;
  await mod.ask('mutation ($eve: ID!) { report(input: { userId: $eve, reason: "spam" }) { id } }', given);
  await ada.ask('mutation ($id: ID!) { deleteMessage(messageId: $id) { id } }', { id: messageId });
  for (const call of ['mute', 'kick', 'ban', 'unban']) await act(`${call}(channelId: $room, userId: $eve) { id }`);
  await eve.ask('mutation ($room: ID!) { joinRoom(channelId: $room) { id } }', given);
  await act('setRole(channelId: $room, userId: $eve, role: MODERATOR) { id }');
  await mod.ask('mutation ($eve: ID!) { suspendUser(userId: $eve, reason: "spam") { id } }', given);
  await mod.ask('mutation ($eve: ID!) { reinstateUser(userId: $eve) { id } }', given);

  for (const event of eventsOfServer)
    expect(linesOf(event), event).toMatchObject([{ userId: expect.any(String), address: '127.0.0.1' }]);
  expect(linesOf('member_kicked')).toMatchObject([{ targetId: linesOf('user_suspended')[0]?.['targetId'] }]);
});

it('is apart from the other logs', () => {
  expect(linesOf('user_created')).not.toEqual([]);
  expect(JSON.stringify(app.logger.lines)).not.toContain('user_created');
});

it('can be off', async () => {
  const quiet = await startApp({ SECURITY_LOG: 'off' });
  await guest(quiet.url, 'Ada');
  expect(quiet.logger.childLines).toEqual([]);
  await quiet.stop();
});
