import { setTimeout } from 'node:timers/promises';
import type { Parley, Services } from '../parley.ts';
import { cpuOf, residentKb } from '../processes.ts';
import { round, table } from '../report.ts';
import type { Population } from './seed.ts';
import { byUpdates, connect, costOfDelivery, openWorld, pidOf } from './world.ts';

const many: Population = { users: 10_000, roomsOfUser: 20, membersOfRoom: 10 };
/** Seconds after which a state counts as one at rest. */
const restSeconds = 20;

/** Measures 10,000 users with 20 channels each on one gateway. */
export async function measureUsers(services: Services): Promise<string> {
  const world = await openWorld(services, many);
  const { parley, tokens } = world;
  const everybody = tokens.map((_, user) => user);
  try {
    const emptyKb = residentKb(pidOf(parley));
    const first = await connect(world, everybody, byUpdates());
    await setTimeout(restSeconds * 1_000);
    const kilobytes = (residentKb(pidOf(parley)) - emptyKb) / tokens.length;
    const idle = await idleShare(parley);
    const delivery = await costOfDelivery(world, first.followers, many.membersOfRoom);
    first.followers.close();
    await parley.replaceGateway();
    const resumed = await connect(world, everybody, byUpdates(first.followers.cursors));
    resumed.followers.close();
    const rows = [
      ['to connect all of them, s', round(first.seconds)],
      ['CPU of the gateway to connect one, ms', round(first.cpuMs / tokens.length)],
      ['resident memory of one, KB', round(kilobytes)],
      ['CPU of the gateway at rest, % of a core', round(idle * 100)],
      ['CPU for each message that is delivered, each in a channel that sleeps, µs', round(delivery)],
      ['to resume all after the gateway was replaced, s', round(resumed.seconds)],
      ['CPU of the gateway to resume one, ms', round(resumed.cpuMs / tokens.length)],
    ];
    return `**${many.users} users of ${many.roomsOfUser} channels on one gateway**\n\n${table(['', ''], rows)}`;
  } finally {
    await parley.stop();
  }
}

/** Returns the part of a core that the gateway uses while nothing happens. */
async function idleShare(parley: Parley): Promise<number> {
  const before = cpuOf(pidOf(parley));
  await setTimeout(restSeconds * 1_000);
  return (cpuOf(pidOf(parley)) - before) / 1_000_000 / restSeconds;
}
