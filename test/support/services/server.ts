import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { guardChild, guardDirectory } from './guard.ts';
import { untilSuspended } from './suspended.ts';

/** Server process that its owner may kill. It ends with the process that started it. */
export interface Server {
  /** Id of its first process. */
  readonly pid: number;
  /** Directory of its data. */
  readonly directory: string;
  /**
   * Sends a signal to all its processes. Resolves once they have ended, after SIGSTOP once none of their threads runs, and
   * after SIGCONT at once.
   */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Kills it and starts it again at the same address. */
  restart(): Promise<void>;
  /** Kills it and removes its directory. */
  stop(): Promise<void>;
}

/**
 * Starts a server.
 * @param options.directory directory of its data, removed when it stops
 * @param options.spawn starts its first process
 * @param options.ready resolves when that process accepts connections
 * @param options.childrenOf lists further processes that receive signals
 * @throws Error with its output if it ends before it is ready
 */
export async function startServer(options: {
  directory: string;
  spawn(): ChildProcess;
  ready(child: ChildProcess): Promise<void>;
  childrenOf?(pid: number): Promise<number[]>;
}): Promise<Server> {
  const { directory, childrenOf = async () => [] } = options;
  guardDirectory(directory);
  let child = await start();

  async function start(): Promise<ChildProcess> {
    const started = options.spawn();
    guardChild(started);
    const ended = endOf(started);
    await Promise.race([options.ready(started), ended]);
    ended.catch(() => {});
    return started;
  }

  async function kill(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const gone = once(child, 'exit');
    const pids = [child.pid, ...(await childrenOf(child.pid))];
    for (const pid of pids) send(pid, signal);
    if (signal === 'SIGSTOP') await Promise.all(pids.map(untilSuspended));
    else if (signal !== 'SIGCONT') await gone;
  }

  return {
    directory,
    get pid() {
      return child.pid ?? 0;
    },
    kill,
    async restart() {
      await kill('SIGKILL');
      child = await start();
    },
    async stop() {
      await kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Creates a function that resolves when a process has printed a text. */
export function printing(text: string): (child: ChildProcess) => Promise<void> {
  return ({ stdout, stderr }) =>
    new Promise((resolve) => {
      let printed = '';
      for (const stream of [stdout, stderr])
        stream?.on('data', (chunk: Buffer) => {
          printed += String(chunk);
          if (printed.includes(text)) resolve();
          // A server may print much before: PostgreSQL prints a line for each client that it refuses while it recovers.
          printed = printed.slice(-text.length);
        });
    });
}

/** Rejects with the last output of a process when it ends. */
function endOf(child: ChildProcess): Promise<never> {
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      printed = (printed + String(chunk)).slice(-10_000);
    });
  return new Promise((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${child.spawnfile} ended with ${code}:\n${printed}`)));
  });
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
