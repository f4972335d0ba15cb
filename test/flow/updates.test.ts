import { beforeAll, expect, test } from 'vitest';
import { startApp } from '../support/app.ts';
import { ask, guest } from '../support/client.ts';
import { addMember } from '../support/invitations.ts';
import { expectEveryUpdate, expectRefusals, presentCursor, takeUpdates } from '../support/updates-flow.ts';

let url: string;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  return app.stop;
});

test('a client that was away gets every kind of update', () => expectEveryUpdate(url, url));

test('a cursor that cannot be used is refused with the reason', () => expectRefusals(url));

test('a page needs a viewer', async () => {
  const { errors } = await ask(url, '{ updates { cursor } }');
  expect(errors[0]?.extensions['code']).toBe('UNAUTHENTICATED');
});

test('strangers get no update of a private room, nor of a room that they left', async () => {
  const [ada, bob] = [await guest(url, 'Ada'), await guest(url, 'Bob')];
  const create = 'mutation { createRoom(input: { name: "Private", visibility: PRIVATE }) { id } }';
  const { id } = (await bob.ask(create)).createRoom;
  const [stranger, start] = [await guest(url, 'Eve'), await presentCursor(ada)];
  const strangersStart = await presentCursor(stranger);
  await addMember(bob, ada, id);
  await ada.ask('mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }', { id });
  const send = 'mutation ($id: ID!) { send(input: { channelId: $id, text: "secret" }) { message { id } } }';
  await bob.ask(send, { id });
  expect((await takeUpdates(stranger, strangersStart)).events).toEqual([]);
  expect((await takeUpdates(ada, start)).events).toEqual([
    { __typename: 'MembershipChanged', channelId: id, membership: null },
  ]);
});

test('limits say for how long a cursor can be used', async () => {
  const { data } = await ask(url, '{ limits { cursorDays } }');
  expect(data.limits.cursorDays).toBe(30);
});
