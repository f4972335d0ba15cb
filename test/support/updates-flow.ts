import { expect } from 'vitest';
import { decodeUpdateCursor, encodeUpdateCursor, type UpdateCursor } from '../../api/domain/updates/update-cursor.ts';
import { type Data, guest, type Person } from './client.ts';

/** Selects every member of the union. */
const selection = `updates { cursor event {
  __typename
  ... on MessageChanged { message { text position channel { id } author { name } } }
  ... on ChannelChanged { channel { id name memberCount } }
  ... on MembershipChanged { channelId membership { role seenSeq } }
  ... on MatchChanged { match { status } }
  ... on UserChanged { user { id name } }
  ... on CaughtUp { at }
  ... on ResyncRequired { channel { id name } }
} } cursor hasMore`;
const query = `query ($after: String, $first: Int) { updates(after: $after, first: $first) { ${selection} } }`;
const createRoom = 'mutation ($name: String!) { createRoom(input: { name: $name }) { id } }';
const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
const leave = 'mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }';
const rename = 'mutation ($id: ID!, $name: String!) { updateRoom(channelId: $id, name: $name) { id } }';
const send =
  'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id seq } } }';
const seen = 'mutation ($id: ID!, $seq: Int!) { markSeen(channelId: $id, seq: $seq) { seenSeq } }';

/** Takes pages until the end, and returns all updates with the cursor after them. */
export async function takeUpdates(
  person: Person,
  after: string,
  first = 3,
): Promise<{ events: Data[]; cursor: string }> {
  const events: Data[] = [];
  let cursor = after;
  for (let hasMore = true; hasMore; ) {
    const { updates } = await person.ask(query, { after: cursor, first });
    events.push(...updates.updates.map(({ event }: Data) => event));
    ({ cursor, hasMore } = updates);
  }
  return { events, cursor };
}

/** Returns the present cursor. */
export async function presentCursor(person: Person): Promise<string> {
  const { updates } = await person.ask(query);
  expect(updates).toMatchObject({ updates: [], hasMore: false });
  return updates.cursor;
}

/**
 * Lets two people talk while one of them is away, who gets every kind of update afterwards, and each once.
 * @param here gateway of the first person, who is away
 * @param there gateway of the second person
 */
export async function expectEveryUpdate(here: string, there: string): Promise<void> {
  const [ada, bob] = [await guest(here, 'Ada'), await guest(there, 'Bob')];
  const idOf = async (name: string) => (await bob.ask(createRoom, { name })).createRoom.id as string;
  const [talk, left, again] = [await idOf('Talk'), await idOf('Left'), await idOf('Again')];
  for (const id of [talk, left, again]) await ada.ask(join, { id });
  const before = await presentCursor(ada);

  for (const text of ['one', 'two', 'three']) await bob.ask(send, { id: talk, text });
  await bob.ask(rename, { id: talk, name: 'Kitchen' });
  await ada.ask(seen, { id: talk, seq: 4 });
  await ada.ask(leave, { id: left });
  await ada.ask(leave, { id: again });
  await bob.ask(send, { id: again, text: 'unseen' });
  await ada.ask(join, { id: again });
  await bob.ask('mutation { updateProfile(input: { name: "Bobby" }) { id } }');
  for (const person of [ada, bob]) await person.ask('mutation { match { id } }');
  const { match } = await ada.ask('{ match { status channel { id } } }');
  expect(match.status).toBe('MATCHED');

  const { events, cursor } = await takeUpdates(ada, before);
  const of = (type: string) => events.filter(({ __typename }) => __typename === type);
  expect(of('MatchChanged')).toMatchObject([{ match: { status: 'MATCHED' } }]);
  expect(of('UserChanged')).toMatchObject([{ user: { id: bob.id, name: 'Bobby' } }]);
  expect(of('MessageChanged')).toMatchObject(
    ['one', 'two', 'three'].map((text, n) => ({ message: { text, position: n + 3, channel: { id: talk } } })),
  );
  expect(of('ResyncRequired')).toMatchObject([{ channel: { id: again } }]);
  const changed = of('ChannelChanged').map(({ channel }) => [channel.id, channel.name]);
  expect(new Set(changed)).toEqual(
    new Set([
      [talk, 'Kitchen'],
      [again, 'Again'],
      [match.channel.id, null],
    ]),
  );
  const memberships = new Map(of('MembershipChanged').map(({ channelId, membership }) => [channelId, membership]));
  expect(Object.fromEntries(memberships)).toEqual({
    [talk]: { role: 'MEMBER', seenSeq: 4 },
    [left]: null,
    [again]: { role: 'MEMBER', seenSeq: expect.any(Number) },
    [match.channel.id]: { role: 'MEMBER', seenSeq: 0 },
  });
  const ofLog = (await takeUpdates(ada, cursor)).events.filter(({ __typename }) => __typename === 'MessageChanged');
  expect(ofLog).toEqual([]);
}

/** Expects the refusals of cursors that cannot be used, also without disturbing a cursor that can. */
export async function expectRefusals(url: string): Promise<void> {
  const ada = await guest(url, 'Ada');
  const after = await presentCursor(ada);
  const present = decodeUpdateCursor(after);
  const codeOf = (change: Partial<UpdateCursor>) =>
    ada.codeOf(query, { after: encodeUpdateCursor({ ...present, ...change }) });
  const { from } = present;

  expect(await ada.codeOf(query, { after: 'nonsense' })).toBe('BAD_USER_INPUT');
  expect(await ada.codeOf(query, { after: `${after}A` })).toBe('BAD_USER_INPUT');
  expect(await ada.codeOf(query, { after, first: 101 })).toBe('BAD_USER_INPUT');
  expect(await codeOf({ log: Buffer.from('foreign').subarray(0, 6).toString('base64url') })).toBe('RESYNC_REQUIRED');
  expect(await codeOf({ from: { ...from, next: from.next.map((next) => next + 1_000) } })).toBe('RESYNC_REQUIRED');
  expect(await codeOf({ from: { ...from, next: [...from.next, 0] } })).toBe('RESYNC_REQUIRED');
  expect(await codeOf({ from: { ...from, time: from.time - 31 * 86_400_000 } })).toBe('RESYNC_REQUIRED');
  expect(await codeOf({})).toBe(null);
}
