import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { patienceMs } from './patience.ts';
import { guardChild, guardDirectory } from './services/guard.ts';

/** HAProxy with the configuration of the docs. */
export interface Balancer {
  url: string;
  stop(): Promise<void>;
}

/**
 * Starts a balancer in front of two gateways. Its health checks need a moment to find the healthy ones.
 * @param gateways `host:port` of each gateway
 * @param nameserver `address:port` of the DNS server that resolves their names, if they have names
 */
export async function startBalancer(
  gateways: readonly [string, string],
  nameserver = '127.0.0.1:53',
): Promise<Balancer> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-balancer-'));
  guardDirectory(directory);
  const file = join(directory, 'haproxy.cfg');
  await writeFile(file, withPatience(await readFile('docs/haproxy.cfg', 'utf8')));
  const at = `127.0.0.1:${await freePort()}`;
  const child = spawn('/usr/sbin/haproxy', ['-db', '-f', file], {
    env: { BIND: at, GATEWAY1: gateways[0], GATEWAY2: gateways[1], NAMESERVER: nameserver },
    stdio: 'ignore',
  });
  guardChild(child);
  const stop = async () => {
    child.kill();
    await rm(directory, { recursive: true });
  };
  return { url: `http://${at}`, stop };
}

/** Lengthens the time within which a gateway must respond: on a slow machine a response may take longer than 3 s. */
function withPatience(configuration: string): string {
  return configuration.replace(/^( *timeout (connect|check|server)).*$/gm, `$1 ${patienceMs}ms`);
}
