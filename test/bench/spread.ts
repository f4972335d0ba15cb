import type { BenchOptions } from './options.ts';
import { startServices } from './parley.ts';
import { circumstances, write } from './report.ts';
import { measureGateways } from './spread/gateways.ts';
import { measureUsers } from './spread/users.ts';
import { compareWays } from './spread/ways.ts';

/** Measures how gateways share the work, and the cost of users who follow all of their channels. */
export async function run({ seconds, rounds, parts }: BenchOptions): Promise<void> {
  const services = await startServices();
  try {
    const isSelected = (part: string) => parts.length === 0 || parts.includes(part);
    const sections = [];
    if (isSelected('gateways')) sections.push(await measureGateways(services, seconds, rounds));
    if (isSelected('users')) sections.push(await measureUsers(services));
    if (isSelected('ways')) sections.push(await compareWays(services));
    const body = [circumstances(), ...sections].join('\n\n');
    process.stdout.write(`${body}\n`);
    if (parts.length === 0) await write('spread', body);
  } finally {
    await services.stop();
  }
}
