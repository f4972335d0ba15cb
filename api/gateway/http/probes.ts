import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { createHealth } from './health.ts';

/** Serves the probes of a process without a gateway. */
export function createProbes(options: { host: string; port: number; health: ReturnType<typeof createHealth> }) {
  const { host, port, health } = options;
  const server = createServer((request, response) => {
    const route = health.routes[(request.url ?? '').split('?')[0] ?? ''];
    if (route === undefined) response.writeHead(404).end();
    else Promise.resolve(route(request, response)).catch(() => response.destroy());
  });

  return {
    /** The port that it listens on, once started. */
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
