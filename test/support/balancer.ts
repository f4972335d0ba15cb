import { spawn } from 'node:child_process';
import { freePort } from './free-port.ts';
import { guardChild } from './services/guard.ts';

/** HAProxy with the configuration that is in the docs. */
export interface Balancer {
  url: string;
  stop(): void;
}

/**
 * Starts a balancer before two gateways; it may take a moment until it knows which of them are well.
 * @param gateways `host:port` of each
 * @param nameserver `address:port` of who is asked for their names, where they have names
 */
export async function startBalancer(
  gateways: readonly [string, string],
  nameserver = '127.0.0.1:53',
): Promise<Balancer> {
  const at = `127.0.0.1:${await freePort()}`;
  const child = spawn('/usr/sbin/haproxy', ['-db', '-f', 'docs/haproxy.cfg'], {
    env: { BIND: at, GATEWAY1: gateways[0], GATEWAY2: gateways[1], NAMESERVER: nameserver },
    stdio: 'ignore',
  });
  guardChild(child);
  return { url: `http://${at}`, stop: () => void child.kill() };
}
