import type { Handler } from './gateway.ts';

/** Rejects when something does not answer. */
export type ReadyCheck = () => Promise<void>;

const checkMs = 2_000;

/**
 * Probes: `/health` says that the process is alive, `/ready` that everything it needs answers and it is not stopping,
 * `/metrics` what it counts.
 */
export function createHealth(options: {
  ready: Readonly<Record<string, ReadyCheck>>;
  metrics(): Promise<{ type: string; text: string }>;
}) {
  let stopping = false;
  const routes: Readonly<Record<string, Handler>> = {
    '/health': (_request, response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}'),
    '/ready': async (_request, response) => {
      const entries = Object.entries(options.ready).map(async ([name, check]) => [name, await answers(check)] as const);
      const ports = Object.fromEntries(await Promise.all(entries));
      const isReady = !stopping && Object.values(ports).every((state) => state === 'ok');
      const status = stopping ? 'stopping' : isReady ? 'ok' : 'unavailable';
      const body = JSON.stringify({ status, ports });
      response.writeHead(isReady ? 200 : 503, { 'content-type': 'application/json' }).end(body);
    },
    '/metrics': async (_request, response) => {
      const { type, text } = await options.metrics();
      response.writeHead(200, { 'content-type': type }).end(text);
    },
  };

  return {
    /** By path. */
    routes,
    /** From now on the process is not ready. */
    stop(): void {
      stopping = true;
    },
  };
}

async function answers(check: ReadyCheck): Promise<'ok' | 'away'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'away'>((resolve) => {
    timer = setTimeout(() => resolve('away'), checkMs);
  });
  const answer = check().then(
    () => 'ok' as const,
    () => 'away' as const,
  );
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
