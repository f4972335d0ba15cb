import { createServer } from 'node:http';
import { checkRequest, pathOf } from './check-request.ts';
import type { createHealth } from './health.ts';
import { createListener } from './listener.ts';
import { refusal, refuse } from './refusal.ts';
import { checkMethod, readMethods, sendOptions } from './routes.ts';

const probe = { methods: readMethods, advice: 'this process has probes alone.' };

/** Serves the probes of a process without a gateway. */
export function createProbes(options: { host: string; port: number; health: ReturnType<typeof createHealth> }) {
  const { host, port, health } = options;
  const server = createServer((request, response) => {
    const invalid = checkRequest(request);
    if (invalid) return refusal(response, invalid);
    const route = health.routes[pathOf(request)];
    if (route === undefined) return refuse(response, { status: 404, message: 'Not found.' });
    const problem = checkMethod(request, probe);
    if (problem) return refusal(response, problem);
    if (request.method === 'OPTIONS') return sendOptions(request, response, probe);
    Promise.resolve(route(request, response)).catch(() => response.destroy());
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
