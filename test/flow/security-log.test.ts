import { beforeAll, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { ask, guest, type Person, socket } from '../support/client.ts';

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
