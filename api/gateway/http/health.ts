import type { ServerResponse } from 'node:http';
import type { Handler } from './handler.ts';

/** Rejects when something does not answer. */
export type ReadyCheck = () => Promise<void>;

const checkMs = 2_000;

/**
 * Probes: `/health` says that the process is alive and takes requests, `/ready` that everything it needs answers too,
 * `/metrics` what it counts. One that is stopping is neither healthy nor ready. A balancer asks `/health`: what all processes
 * lack is no reason to send nobody anywhere.
 * @param options.reported what `/ready` tells of as well: another process would be no better off without it
 */
export function createHealth(options: {
  ready: Readonly<Record<string, ReadyCheck>>;
  reported: Readonly<Record<string, ReadyCheck>>;
  metrics(): Promise<{ type: string; text: string }>;
}) {
  let stopping = false;
  const routes: Readonly<Record<string, Handler>> = {
    '/health': (_request, response) => respond(response, stopping ? 'stopping' : 'ok'),
    '/ready': async (_request, response) => {
      const [needed, reported] = await Promise.all([answersOf(options.ready), answersOf(options.reported)]);
      const isReady = !stopping && Object.values(needed).every((state) => state === 'ok');
      const ports = { ...needed, ...reported };
      respond(response, stopping ? 'stopping' : isReady ? 'ok' : 'unavailable', { ports });
    },
    '/metrics': async (_request, response) => {
      const { type, text } = await options.metrics();
      response.writeHead(200, { 'content-type': type }).end(text);
    },
  };

  return {
    /** By path. */
    routes,
    /** From now on the process is neither healthy nor ready. */
    stop(): void {
      stopping = true;
    },
  };
}

function respond(response: ServerResponse, status: 'ok' | 'unavailable' | 'stopping', facts: object = {}): void {
  const headers = { 'content-type': 'application/json' };
  response.writeHead(status === 'ok' ? 200 : 503, headers).end(JSON.stringify({ status, ...facts }));
}

async function answersOf(checks: Readonly<Record<string, ReadyCheck>>): Promise<Record<string, 'ok' | 'away'>> {
  const entries = Object.entries(checks).map(async ([name, check]) => [name, await answers(check)] as const);
  return Object.fromEntries(await Promise.all(entries));
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
