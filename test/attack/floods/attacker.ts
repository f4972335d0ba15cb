import { setPriority } from 'node:os';
import { createCrowd } from './crowd.ts';
import { findFlood } from './list.ts';

/** Order to attack a server for a while. */
export interface Order {
  flood: string;
  url: string;
  forMs: number;
  /** Address that the attack comes from. */
  address: string;
  /** Token of a user with many channels. */
  member: string;
}

/** Cost of an attack to the attacker. */
export interface Effort {
  /** Requests and messages that were sent. */
  attempts: number;
  sentBytes: number;
  receivedBytes: number;
  cpuMs: number;
}

/*
 * Process of an attacker: attacks when its parent tells it to, and reports its effort. On the few processors of this
 * machine it stands back behind the server, as if it ran elsewhere.
 */
setPriority(10);
process.on('message', (order: Order) => {
  attack(order).then(
    (effort) => process.send?.(effort),
    (error) => process.send?.({ problem: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');

async function attack({ flood, url, forMs, address, member }: Order): Promise<Effort> {
  const began = process.cpuUsage();
  const crowd = createCrowd(url, address, forMs);
  await findFlood(flood).run(crowd, member);
  const { user, system } = process.cpuUsage(began);
  return { ...crowd.leave(), cpuMs: (user + system) / 1_000 };
}
