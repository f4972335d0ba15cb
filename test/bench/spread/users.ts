import { setTimeout } from 'node:timers/promises';
import { encodeId } from '../../../schema/ids.ts';
import { askAll, type Parley, type Services, startDistributed } from '../parley.ts';
import { cpuOf, residentKb } from '../processes.ts';
import { round, table } from '../report.ts';
import { connectFollowers, type Followers, type Way } from './followers.ts';
import { type Population, type Room, seed } from './seed.ts';

/** Server, and the users whom it knows. */
interface World {
  parley: Parley;
  tokens: string[];
  rooms: Room[];
  population: Population;
}

const many: Population = { users: 10_000, roomsOfUser: 20, membersOfRoom: 10 };
const some: Population = { users: 500, roomsOfUser: 20, membersOfRoom: 10 };
const messages = 2_000;
/** Seconds after which a state counts as one at rest. */
const restSeconds = 20;

const message = 'id seq position text author { id name }';
const updates = `subscription Updates($after: String) {
  updates(after: $after) {
    cursor
    event {
      __typename
      ... on MessageChanged { message { ${message} } }
      ... on ChannelChanged { channel { id name } }
      ... on MembershipChanged { channelId }
      ... on CaughtUp { at }
    }
  }
}`;
const messagesOf = `subscription Messages($channelId: ID!) { messages(channelId: $channelId) { ${message} } }`;
const send =
  'mutation Send($channelId: ID!, $text: String!) { send(input: { channelId: $channelId, text: $text }) { message { id } } }';

/** Follows everything that is the user's, from a cursor of the user on. */
function byUpdates(cursors: readonly (string | null)[] = []): Way {
  return {
    operations: (user) => [{ query: updates, variables: { after: cursors[user] ?? null } }],
    isReady: (text) => text.includes('"CaughtUp"'),
  };
}

/** Measures 10,000 users with 20 channels each on one gateway. */
export async function measureUsers(services: Services): Promise<string> {
  const world = await open(services, many);
  const { parley, tokens } = world;
  try {
    const emptyKb = residentKb(pidOf(parley));
    const first = await connect(world, byUpdates());
    await setTimeout(restSeconds * 1_000);
    const kilobytes = (residentKb(pidOf(parley)) - emptyKb) / tokens.length;
    const idle = await idleShare(parley);
    const delivery = await costOfDelivery(world, first.followers);
    first.followers.close();
    await parley.replaceGateway();
    const resumed = await connect(world, byUpdates(first.followers.cursors));
    resumed.followers.close();
    const rows = [
      ['to connect all of them, s', round(first.seconds)],
      ['CPU of the gateway to connect one, ms', round(first.cpuMs / tokens.length)],
      ['resident memory of one, KB', round(kilobytes)],
      ['CPU of the gateway at rest, % of a core', round(idle * 100)],
      ['CPU for each update that is delivered, µs', round(delivery)],
      ['to resume all after the gateway was replaced, s', round(resumed.seconds)],
      ['CPU of the gateway to resume one, ms', round(resumed.cpuMs / tokens.length)],
    ];
    return `**${many.users} users of ${many.roomsOfUser} channels on one gateway**\n\n${table(['', ''], rows)}`;
  } finally {
    await parley.stop();
  }
}

/** Compares a user's one subscription to everything with one subscription for each channel. */
export async function compareWays(services: Services): Promise<string> {
  const rows = [];
  const world = await open(services, some);
  try {
    for (const name of ['updates', 'messages'] as const) {
      const roomsOf = (user: number) => world.rooms.filter(({ members }) => members.includes(user));
      const operations = (user: number) =>
        roomsOf(user).map(({ id }) => ({ query: messagesOf, variables: { channelId: globalId(id) } }));
      const way: Way = name === 'updates' ? byUpdates() : { operations, isReady: () => false };
      const { followers } = await connect(world, way, name === 'updates');
      await costOfDelivery(world, followers);
      rows.push([name, round(await costOfDelivery(world, followers))]);
      followers.close();
      await setTimeout(restSeconds * 1_000);
    }
  } finally {
    await world.parley.stop();
  }
  return `**One subscription or one for each of ${some.roomsOfUser} channels**, ${some.users} users\n\n${table(['', 'CPU for each delivery, µs'], rows)}`;
}

async function open(services: Services, population: Population): Promise<World> {
  const databaseUrl = await services.postgres.createDatabase();
  const parley = await startDistributed(services, { DATABASE_URL: databaseUrl });
  return { parley, population, ...(await seed(parley, databaseUrl, population)) };
}

const pidOf = ({ gateway }: Parley) => gateway.child.pid ?? 0;
const globalId = (id: string) => encodeId('Channel', id);

/** Connects all users, and waits until each has everything that the subscription begins with. */
async function connect(
  { parley, tokens }: World,
  way: Way,
  saysWhenReady = true,
): Promise<{ followers: Followers; seconds: number; cpuMs: number }> {
  const [cpu, began] = [cpuOf(pidOf(parley)), performance.now()];
  const followers = await connectFollowers(Number(parley.gateway.url.port), tokens, way);
  if (!saysWhenReady) await setTimeout(10_000);
  while (saysWhenReady && followers.ready() < tokens.length) await setTimeout(20);
  return { followers, seconds: (performance.now() - began) / 1_000, cpuMs: (cpuOf(pidOf(parley)) - cpu) / 1_000 };
}

/** Returns the part of a core that the gateway uses while nothing happens. */
async function idleShare(parley: Parley): Promise<number> {
  const before = cpuOf(pidOf(parley));
  await setTimeout(restSeconds * 1_000);
  return (cpuOf(pidOf(parley)) - before) / 1_000_000 / restSeconds;
}

/** Sends to many rooms through another gateway; returns the CPU time for each delivery, in microseconds. */
async function costOfDelivery({ parley, tokens, rooms, population }: World, followers: Followers): Promise<number> {
  const expected = followers.delivered() + messages * population.membersOfRoom;
  const before = cpuOf(pidOf(parley));
  const asked = Array.from({ length: messages }, (_, n) => {
    const room = rooms[(n * 7) % rooms.length];
    const variables = { channelId: globalId(room?.id ?? ''), text: `message ${n}` };
    return { query: send, variables, token: tokens[room?.members[0] ?? 0] ?? '' };
  });
  await askAll(parley.backstage, asked);
  for (let wait = 0; wait < 1_500 && followers.delivered() < expected; wait++) await setTimeout(20);
  if (followers.delivered() !== expected)
    throw new Error(`${followers.delivered()} of ${expected} messages were delivered`);
  return (cpuOf(pidOf(parley)) - before) / (messages * population.membersOfRoom);
}
