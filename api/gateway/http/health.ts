import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { NotReadyError } from '../../errors.ts';
import { bearerToken } from '../auth/token.ts';
import type { Handler } from './handler.ts';
import { refuse, send } from './refusal.ts';

/** Rejects if a service does not respond. */
export type ReadyCheck = () => Promise<void>;

/** Milliseconds after which a check that has not resolved counts as failed. */
const checkMs = 2_000;
/**
 * Milliseconds for which the results of checks serve further requests, counted from their start: `/ready` needs no token, and
 * must not cost the services more with more requests. A probe still notices a change within a second.
 */
const keepMs = 1_000;

/**
 * Creates the probes: `/health` succeeds while the process accepts requests, `/ready` while the services that it needs respond
 * too, and `/metrics` returns its metrics. A stopping process is neither healthy nor ready. Load balancers use `/health`: a
 * service that all processes lack is no reason to take every one of them out.
 * @param options.ready checks that decide whether the process is ready, by name
 * @param options.reported checks whose results `/ready` reports without failing
 * @param options.facts returns further facts that `/ready` reports beside the results of the checks
 * @param options.metricsToken bearer token for `/metrics` and for the results of the checks; null: neither is served
 */
export function createHealth(options: {
  ready: Readonly<Record<string, ReadyCheck>>;
  reported: Readonly<Record<string, ReadyCheck>>;
  facts?(): object;
  metrics(): Promise<{ type: string; text: string }>;
  metricsToken: string | null;
}) {
  let stopping = false;
  const readStates = shared(() => Promise.all([runAll(options.ready), runAll(options.reported)]));
  const routes: Readonly<Record<string, Handler>> = {
    '/health': (_request, response) => respond(response, stopping ? 'stopping' : 'ok'),
    '/ready': async (request, response) => {
      const [needed, reported] = await readStates();
      const isReady = !stopping && Object.values(needed).every((state) => state === 'ok');
      const maySee = hasToken(request, options.metricsToken);
      const facts = maySee ? { ports: { ...needed, ...reported }, ...options.facts?.() } : {};
      respond(response, stopping ? 'stopping' : isReady ? 'ok' : 'unavailable', facts);
    },
    '/metrics': async (request, response) => {
      if (!hasToken(request, options.metricsToken)) return refuseMetrics(response);
      const { type, text } = await options.metrics();
      send(response, 200, text, { 'content-type': type, 'cache-control': 'no-store' });
    },
  };

  return {
    /** Handlers of the probes, by path. */
    routes,
    /** Marks the process as stopping: from now on it is neither healthy nor ready. */
    stop(): void {
      stopping = true;
    },
  };
}

/** Compares digests: their length does not depend on the secret's. */
function hasToken({ headers }: IncomingMessage, token: string | null): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const given = bearerToken(headers.authorization);
  return token !== null && given !== null && timingSafeEqual(digest(given), digest(token));
}

function refuseMetrics(response: ServerResponse): void {
  const headers = { 'www-authenticate': 'Bearer' };
  refuse(response, { status: 401, message: 'Send the METRICS_TOKEN of this server: Authorization: Bearer …', headers });
}

function respond(response: ServerResponse, status: 'ok' | 'unavailable' | 'stopping', facts: object = {}): void {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  send(response, status === 'ok' ? 200 : 503, JSON.stringify({ status, ...facts }), headers);
}

/** Returns a function that shares a result between concurrent calls, and with those until `keepMs` after its start. */
function shared<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let startedAt = Number.NEGATIVE_INFINITY;
  let isRunning = false;
  let result: Promise<Result>;
  return () => {
    if (isRunning || performance.now() - startedAt < keepMs) return result;
    startedAt = performance.now();
    isRunning = true;
    result = work().finally(() => {
      isRunning = false;
    });
    return result;
  };
}

async function runAll(checks: Readonly<Record<string, ReadyCheck>>): Promise<Record<string, string>> {
  const entries = Object.entries(checks).map(async ([name, check]) => [name, await run(check)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** Returns `ok`, `away`, or the message of a fault that an operator must remove. */
async function run(check: ReadyCheck): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('away'), checkMs);
  });
  const result = check().then(
    () => 'ok',
    (error: unknown) => (error instanceof NotReadyError ? error.message : 'away'),
  );
  return Promise.race([result, late]).finally(() => clearTimeout(timer));
}
