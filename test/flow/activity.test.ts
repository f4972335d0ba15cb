import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { ask, follow, guest, type Person, socket } from '../support/client.ts';
import { addMember } from '../support/invitations.ts';
import { openStream } from '../support/wire.ts';
import { activitySettings, testActivity } from './activity.ts';

let url: string;
let ada: Person;
let bob: Person;
let eve: Person;

beforeAll(async () => {
  const app = await startApp({ ...activitySettings, MATCH_ABSENCE_MS: '600000' });
  ({ url } = app);
  [ada, bob, eve] = [await guest(url, 'Ada'), await guest(url, 'Bob'), await guest(url, 'Eve')];
  return app.stop;
});

testActivity(() => [url, url]);

const typing = 'mutation ($id: ID!) { typing(channelId: $id) }';
const activity = 'subscription ($id: ID!) { activity(channelId: $id) { __typename ... on Typing { user { name } } } }';

const changes = 'subscription { updates { event { ... on MatchChanged { match { partner { online } } } } } }';

/** Opens a room of Ada's with Bob. */
async function openRoom(visibility: 'PUBLIC' | 'PRIVATE'): Promise<string> {
  const create = 'mutation ($v: Visibility!) { createRoom(input: { name: "Room", visibility: $v }) { id } }';
  const { id } = (await ada.ask(create, { v: visibility })).createRoom;
  await addMember(ada, bob, id);
  return id;
}

/** Returns the code with which a subscription of a person is refused. */
async function refusal(id: string, token = eve.token): Promise<string | undefined> {
  const client = socket(url, token);
  const followed = follow(client, activity, { id });
  await vi.waitFor(() => expect(followed.ended).not.toBeNull());
  await client.dispose();
  return followed.ended?.errors[0]?.extensions?.['code'];
}

describe('typing and activity', () => {
  it('are refused to users who are not members, without telling them of private rooms', async () => {
    const [open, hidden] = [await openRoom('PUBLIC'), await openRoom('PRIVATE')];
    expect([await eve.codeOf(typing, { id: open }), await refusal(open)]).toEqual(['FORBIDDEN', 'FORBIDDEN']);
    expect([await eve.codeOf(typing, { id: hidden }), await refusal(hidden)]).toEqual(['NOT_FOUND', 'NOT_FOUND']);
  });

  it('are refused for channels that are not there and for ids of other things', async () => {
    const none = Buffer.from('Channel:00000000-0000-4000-8000-000000000000').toString('base64url');
    for (const id of [none, eve.id, 'nothing']) {
      expect(await eve.codeOf(typing, { id })).toBe(await refusal(id));
    }
    expect(await refusal(eve.id)).toMatch(/NOT_FOUND|BAD_USER_INPUT/);
  });

  it('are refused without a viewer', async () => {
    const id = await openRoom('PUBLIC');
    const { data, errors } = await ask(url, typing, { id });
    expect([data, errors[0]?.extensions['code']]).toEqual([{ typing: null }, 'UNAUTHENTICATED']);
    const stream = await openStream(url, activity, { variables: { id } });
    expect((await stream.next())?.data?.errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED');
    stream.abort();
  });

  it('differ in a closed room, where members are still followed but nobody can type', async () => {
    const id = await openRoom('PUBLIC');
    await ada.ask('mutation ($id: ID!) { closeRoom(channelId: $id) { id } }', { id });
    expect(await bob.codeOf(typing, { id })).toBe('CONFLICT');
    const client = socket(url, bob.token);
    const { received } = follow(client, activity, { id });
    await vi.waitFor(() => expect(received).toContainEqual({ __typename: 'Presence' }));
    await client.dispose();
  });

  it('are refused to users who left a match, though they may read it', async () => {
    const [one, two] = [await guest(url, 'One'), await guest(url, 'Two')];
    const match = 'mutation { match(input: { tags: ["activity"], strict: true }) { channel { id } } }';
    await one.ask(match);
    const { id } = (await two.ask(match)).match.channel;
    const leave = 'mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }';
    await two.ask(leave, { id });
    expect(await refusal(id, two.token)).toBe('FORBIDDEN');
    expect(await two.codeOf(typing, { id })).toBe('CONFLICT');
  });
});

describe('activity over server-sent events', () => {
  it('has no ids, because nothing is replayed', async () => {
    const id = await openRoom('PUBLIC');
    const stream = await openStream(url, activity, { token: ada.token, variables: { id } });
    await bob.ask(typing, { id });
    for (;;) {
      const event = await stream.next();
      expect(event?.id).toBeUndefined();
      if (event?.data?.data?.['activity'] && JSON.stringify(event.data).includes('Bob')) break;
    }
    stream.abort();
  });
});

describe('the stream of updates', () => {
  it('tells that the partner of a match has gone offline, and is back', async () => {
    const [one, two] = [await guest(url, 'One'), await guest(url, 'Two')];
    const client = socket(url, one.token);
    const updates = follow(client, changes);
    const partner = () => updates.received.flatMap(({ event }) => event.match?.partner ?? []).at(-1);
    const tab = socket(url, two.token);
    follow(tab, changes);
    await one.ask('mutation { match(input: { tags: ["updates"], strict: true }) { id } }');
    await two.ask('mutation { match(input: { tags: ["updates"], strict: true }) { id } }');
    await vi.waitFor(() => expect(partner()).toEqual({ online: true }));
    await tab.dispose();
    await vi.waitFor(() => expect(partner()).toEqual({ online: false }));
    const again = socket(url, two.token);
    follow(again, changes);
    await vi.waitFor(() => expect(partner()).toEqual({ online: true }));
    await Promise.all([client.dispose(), again.dispose()]);
  });
});
