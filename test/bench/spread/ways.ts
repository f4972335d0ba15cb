import { setTimeout } from 'node:timers/promises';
import type { Services } from '../parley.ts';
import { round, table } from '../report.ts';
import type { Way } from './followers.ts';
import type { Population } from './seed.ts';
import { byUpdates, connect, costOfDelivery, globalId, messageFields, openWorld, type World } from './world.ts';

const population: Population = { users: 500, roomsOfUser: 20, membersOfRoom: 10 };
/** Milliseconds after which the channels of users who have left sleep. */
const sleepMs = 35_000;

const messagesOf = `subscription Messages($channelId: ID!) { messages(channelId: $channelId) { ${messageFields} } }`;

/**
 * Compares a user's one subscription to everything with one subscription for each channel: where all members of a channel are
 * connected to the gateway, and where one in ten is, as with ten gateways.
 */
export async function compareWays(services: Services): Promise<string> {
  const world = await openWorld(services, population);
  const everybody = world.tokens.map((_, user) => user);
  const oneInTen = everybody.filter((user) => user % population.membersOfRoom === 0);
  try {
    const rows = [
      await measureWay(world, 'updates, all members here', { users: everybody, way: byUpdates() }),
      await measureWay(world, 'messages, all members here', { users: everybody, way: byMessages(world) }),
      await measureWay(world, 'updates, one member here', { users: oneInTen, way: byUpdates() }),
      await measureWay(world, 'messages, one member here', { users: oneInTen, way: byMessages(world) }),
    ];
    const head = ['', 'in channels that sleep', 'in channels that are awake'];
    return `**One subscription, or one for each of ${population.roomsOfUser} channels**, ${population.users} users: CPU for each delivery, µs\n\n${table(head, rows)}`;
  } finally {
    await world.parley.stop();
  }
}

function byMessages({ rooms }: World): Way {
  const roomsOf = (user: number) => rooms.filter(({ members }) => members.includes(user));
  const operation = (channelId: string) => ({ query: messagesOf, variables: { channelId } });
  return { operations: (user) => roomsOf(user).map((room) => operation(globalId(room))), isReady: null };
}

async function measureWay(
  world: World,
  name: string,
  { users, way }: { users: readonly number[]; way: Way },
): Promise<string[]> {
  const { followers } = await connect(world, users, way);
  const here = (users.length / world.tokens.length) * population.membersOfRoom;
  const asleep = await costOfDelivery(world, followers, here);
  const awake = await costOfDelivery(world, followers, here);
  followers.close();
  await setTimeout(sleepMs);
  return [name, round(asleep), round(awake)];
}
