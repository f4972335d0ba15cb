import { setTimeout } from 'node:timers/promises';
import { encodeId } from '../../../schema/ids.ts';
import { askAll, type Parley, type Services, startDistributed } from '../parley.ts';
import { cpuOf } from '../processes.ts';
import { connectFollowers, type Followers, type Way } from './followers.ts';
import { type Population, type Room, seed } from './seed.ts';

/** Server, and the users whom it knows. */
export interface World {
  parley: Parley;
  tokens: string[];
  rooms: Room[];
}

/** Users who have connected, and the cost of that. */
export interface Connected {
  followers: Followers;
  seconds: number;
  /** CPU time of the gateway, in milliseconds. */
  cpuMs: number;
}

const messages = 2_000;

/** Text of a subscription's message. */
export const messageFields = 'id seq position text author { id name }';

const updates = `subscription Updates($after: String) {
  updates(after: $after) {
    cursor
    event {
      __typename
      ... on MessageChanged { message { ${messageFields} } }
      ... on ChannelChanged { channel { id name } }
      ... on MembershipChanged { channelId }
      ... on CaughtUp { at }
    }
  }
}`;
const send =
  'mutation Send($channelId: ID!, $text: String!) { send(input: { channelId: $channelId, text: $text }) { message { id } } }';

/** Follows everything that is the user's, from a cursor of the user on. */
export function byUpdates(cursors: ReadonlyMap<number, string> = new Map()): Way {
  return {
    operations: (user) => [{ query: updates, variables: { after: cursors.get(user) ?? null } }],
    isReady: (text) => text.includes('"CaughtUp"'),
  };
}

export const pidOf = ({ gateway }: Parley) => gateway.child.pid ?? 0;
export const globalId = (room: Room | undefined) => encodeId('Channel', room?.id ?? '');

/** Starts a server whose database has these users. */
export async function openWorld(services: Services, population: Population): Promise<World> {
  const databaseUrl = await services.postgres.createDatabase();
  const parley = await startDistributed(services, { DATABASE_URL: databaseUrl });
  return { parley, ...(await seed(parley, databaseUrl, population)) };
}

/** Connects users, and waits until each has everything that the subscription begins with, or ten seconds if that is not said. */
export async function connect({ parley, tokens }: World, users: readonly number[], way: Way): Promise<Connected> {
  const [cpu, began] = [cpuOf(pidOf(parley)), performance.now()];
  const followers = await connectFollowers(Number(parley.gateway.url.port), { users, tokens }, way);
  if (way.isReady === null) await setTimeout(10_000);
  else while (followers.ready() < users.length) await setTimeout(20);
  return { followers, seconds: (performance.now() - began) / 1_000, cpuMs: (cpuOf(pidOf(parley)) - cpu) / 1_000 };
}

/**
 * Sends to many rooms through another gateway; returns the CPU time for each delivery, in microseconds.
 * @param here number of members of each room who have connected
 */
export async function costOfDelivery(
  { parley, tokens, rooms }: World,
  followers: Followers,
  here: number,
): Promise<number> {
  const expected = followers.delivered() + messages * here;
  const before = cpuOf(pidOf(parley));
  const asked = Array.from({ length: messages }, (_, n) => {
    const room = rooms[(n * 7) % rooms.length];
    const variables = { channelId: globalId(room), text: `message ${n}` };
    return { query: send, variables, token: tokens[room?.members[0] ?? 0] ?? '' };
  });
  await askAll(parley.backstage, asked);
  for (let wait = 0; wait < 1_500 && followers.delivered() < expected; wait++) await setTimeout(20);
  if (followers.delivered() !== expected)
    throw new Error(`${followers.delivered()} of ${expected} messages were delivered`);
  return (cpuOf(pidOf(parley)) - before) / (messages * here);
}
