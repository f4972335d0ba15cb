import { takeOrders } from '../../support/worker.ts';
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

takeOrders(attack);

/** Attacks a server, and reports the effort. */
async function attack({ flood, url, forMs, address, member }: Order): Promise<Effort> {
  const began = process.cpuUsage();
  const crowd = createCrowd(url, address, forMs);
  await findFlood(flood).run(crowd, member);
  const { user, system } = process.cpuUsage(began);
  return { ...crowd.leave(), cpuMs: (user + system) / 1_000 };
}
