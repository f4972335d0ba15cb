import { setTimeout as delay } from 'node:timers/promises';
import { createActions } from './actions.ts';
import { signIn } from './person.ts';
import { openRoom, type Room, verify } from './room.ts';

/** Mixed load that runs until it is finished. */
export interface Load {
  /** Describes the operations so far. */
  describe(): string;
  /** Ends the load, checks every room, and returns the faults that were found: messages that were lost or repeated. */
  finish(): Promise<string[]>;
}

const roomCount = 4;
const membersPerRoom = 6;
const maxInFlight = 50;

/**
 * Starts a load on a server whose rate limits are off.
 * @param rate operations per second
 */
export async function startLoad(url: string, rate: number): Promise<Load> {
  const rooms: Room[] = [];
  for (let n = 0; n < roomCount; n++) rooms.push(await openRoomOf(url, n));
  const perform = await createActions(url, rooms);
  const done = new Map<string, number>();
  const failures = new Map<string, number>();
  const inFlight = new Set<Promise<void>>();
  let skipped = 0;
  const timer = setInterval(tick, 1_000 / rate);

  function tick(): void {
    if (inFlight.size >= maxInFlight) return void skipped++;
    const { name, result } = perform();
    const ended = result.then(
      () => count(done, name),
      (error) => count(failures, `${name}: ${Object(error).code ?? error}`),
    );
    inFlight.add(ended);
    ended.finally(() => inFlight.delete(ended));
  }

  const describe = () =>
    [`done ${list(done)}`, failures.size > 0 ? `failed ${list(failures)}` : 'none failed', `${skipped} skipped`].join(
      '; ',
    );

  return {
    describe,
    async finish() {
      clearInterval(timer);
      while (inFlight.size > 0) await delay(100);
      return (await Promise.all(rooms.map((room) => verify(url, room)))).flat();
    },
  };
}

async function openRoomOf(url: string, n: number): Promise<Room> {
  const people = await Promise.all(
    Array.from({ length: membersPerRoom }, (_, k) => signIn(url, `Member ${n * membersPerRoom + k}`)),
  );
  return openRoom(url, people as [(typeof people)[0]]);
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function list(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, number]) => `${number} ${name}`).join(', ');
}
