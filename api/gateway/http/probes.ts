import { createServer } from 'node:http';
import type { createHealth } from './health.ts';
import { createListener } from './listener.ts';

/** Serves the probes of a process without a gateway. */
export function createProbes(options: { host: string; port: number; health: ReturnType<typeof createHealth> }) {
  const { host, port, health } = options;
  const server = createServer((request, response) => {
    const route = health.routes[(request.url ?? '').split('?')[0] ?? ''];
    if (route === undefined) response.writeHead(404).end();
    else Promise.resolve(route(request, response)).catch(() => response.destroy());
  });
  const listener = createListener(server, { host, port });

  return {
    /** The port that it listens on, once started. */
    port: listener.port,
    start: listener.start,
    async stop(): Promise<void> {
      health.stop();
      const closed = listener.close();
      listener.disconnectAll();
      await closed;
    },
  };
}
