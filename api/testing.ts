import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { SeedReport, ServerState } from './ephemeral/report.ts';

export type { SeededChannel, SeededMessage, SeededUser, SeedReport, ServerState } from './ephemeral/report.ts';

/** Options of `startEphemeral`. */
export interface EphemeralOptions {
  /** Data to start with: `true` for the built-in seed, or the path of a JSON file. Without it the server is empty. */
  seed?: boolean | string;
  /** Port to listen on; a free one by default. */
  port?: number;
  /** Port of the control address; a free one by default. */
  controlPort?: number;
  /** Settings that differ from those of ephemeral servers, by name: `{ RATE_LIMITS: 'on' }`. */
  settings?: Readonly<Record<string, string>>;
}

/** A running ephemeral server. */
export interface Ephemeral {
  /** Origin of the server, such as `http://127.0.0.1:41234`; the API is at `/graphql`. */
  url: string;
  /** The data that it was seeded with; null without a seed. It is the same after a reset. */
  seed: SeedReport | null;
  control: Control;
  /** Stops the server, and removes everything that it kept. */
  stop(): Promise<void>;
}

/** Orders to an ephemeral server. Users are named by their key in the seed, or by their id in the API. */
export interface Control {
  /** Origin of the control address. */
  url: string;
  /** Ends connections: of one user, or all; with a close code, or as a network that goes away. */
  drop(input?: { user?: string; code?: number }): Promise<{ dropped: number }>;
  /** Restarts the server: WebSockets are closed with 1012, and connections refused for `ms` milliseconds. Resolves when it is back. */
  restart(input?: { ms?: number }): Promise<ServerState>;
  /** Restores the data of the start, and ends all faults. Connections end as in a restart. */
  reset(): Promise<ServerState>;
  /**
   * Delays everything that the server sends, only the traffic of WebSockets and streams over HTTP, only other responses, or the
   * operations of a name. A later delay of the same replaces it; 0 ends it.
   */
  delay(
    input: { ms: number; only?: 'streams' | 'responses' } | { ms: number; operation: string; times?: number },
  ): Promise<ServerState>;
  /** Lets the next `times` operations of a name fail with a code; by default one, with UNAVAILABLE. */
  fail(input: { operation?: string; code?: string; times?: number; retryAfterMs?: number }): Promise<ServerState>;
  /** Ends all faults and delays. Connections and data stay. */
  recover(): Promise<ServerState>;
  /** Lets the access tokens of a user expire. Refresh tokens stay valid. */
  expire(input: { user: string }): Promise<{ expired: number }>;
  /** Ends all sessions of a user. */
  revoke(input: { user: string }): Promise<{ revoked: number }>;
  state(): Promise<ServerState>;
}

const extension = extname(fileURLToPath(import.meta.url));
const program = fileURLToPath(new URL(`./main${extension}`, import.meta.url));
/** The sources need a loader for TypeScript. */
const execArgv = ['--enable-source-maps', ...(extension === '.ts' ? ['--import', 'tsx'] : [])];

/**
 * Starts a server for tests in a process of its own, which ends with this one.
 * @throws Error with the reason if it does not start
 */
export async function startEphemeral(options: EphemeralOptions = {}): Promise<Ephemeral> {
  const child = fork(program, argumentsOf(options), { execArgv, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const { url, control, seed } = JSON.parse(await firstLine(child)) as { url: string; control: string } & Pick<
    Ephemeral,
    'seed'
  >;
  letEnd(child);
  return {
    url,
    seed,
    control: createControl(control),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.ref();
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

function argumentsOf({ seed = false, port = 0, controlPort = 0, settings = {} }: EphemeralOptions): string[] {
  const seedArgs = seed === false ? [] : [seed === true ? '--seed' : `--seed=${seed}`];
  const setArgs = Object.entries(settings).map(([name, value]) => `--set=${name}=${value}`);
  return ['--ephemeral', '--json', `--port=${port}`, `--control-port=${controlPort}`, ...seedArgs, ...setArgs];
}

/** Returns the line that the process prints when it is ready. Its errors are printed as they come. */
async function firstLine(child: ChildProcess): Promise<string> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('The process has no output.');
  let errors = '';
  const collect = (chunk: Buffer) => {
    errors += chunk;
  };
  stderr.on('data', collect);
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`Parley did not start (exit code ${code}): ${errors.trim()}`);
  });
  const [line] = await Promise.race([once(createInterface(stdout), 'line'), ended]);
  ended.catch(() => {});
  stderr.off('data', collect);
  stderr.pipe(process.stderr, { end: false });
  return line;
}

/** Lets this process end while the server runs: the server notices it. */
function letEnd(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
  for (const output of [child.stdout, child.stderr])
    if (output && 'unref' in output) (output as { unref(): void }).unref();
}

function createControl(url: string): Control {
  return {
    url,
    drop: (input = {}) => order('drop', input),
    restart: (input = {}) => order('restart', input),
    reset: () => order('reset', {}),
    delay: (input) => order('delay', input),
    fail: (input) => order('fail', input),
    recover: () => order('recover', {}),
    expire: (input) => order('expire', input),
    revoke: (input) => order('revoke', input),
    state: () => read(fetch(`${url}/state`)),
  };

  function order<Result>(name: string, input: object): Promise<Result> {
    return read(fetch(`${url}/${name}`, { method: 'POST', body: JSON.stringify(input) }));
  }
}

async function read<Result>(responding: Promise<Response>): Promise<Result> {
  const response = await responding;
  const body = (await response.json()) as Result & { error?: string };
  if (!response.ok) throw new Error(body.error);
  return body;
}
