import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { createHealth } from './health.ts';

/** The probes of a process that is no gateway. */
export function createProbes(options: { host: string; port: number; health: ReturnType<typeof createHealth> }) {
  const { host, port, health } = options;
  const server = createServer((request, response) => {
    const route = health.routes[(request.url ?? '').split('?')[0] ?? ''];
    if (route === undefined) response.writeHead(404).end();
    else Promise.resolve(route(request, response)).catch(() => response.destroy());
  });

  return {
    /** Where it listens, once it has started. */
    port: () => (server.address() as AddressInfo).port,
    async start(): Promise<void> {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, resolve);
      });
    },
    async stop(): Promise<void> {
      health.stop();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
