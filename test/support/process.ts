import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { metricsToken } from './probes.ts';
import { guardChild } from './services/guard.ts';

/** Server in its own process. */
export interface ServerProcess {
  url: string;
  child: ChildProcess;
  /** Sends a signal, by default the one that kills it like a crash, and resolves with its exit code when it has ended. */
  kill(signal?: NodeJS.Signals): Promise<number | null>;
}

const fromSources = { cwd: '.', args: ['--import', 'tsx', 'api/main.ts'] };

/**
 * Starts the server as `npm start` does, from the sources by default, and waits until it is ready.
 * @throws Error with its output if it ends before it is ready
 */
export async function startProcess(environment: Record<string, string>, program = fromSources): Promise<ServerProcess> {
  const child = spawn(process.execPath, program.args, {
    cwd: program.cwd,
    env: serverEnvironment(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  guardChild(child);
  const url = await readyAt(child);
  return {
    url,
    child,
    async kill(signal = 'SIGKILL') {
      const gone =
        child.exitCode === null && child.signalCode === null ? once(child, 'exit') : Promise.resolve([child.exitCode]);
      child.kill(signal);
      return (await gone)[0] as number | null;
    },
  };
}

/** Returns the variables of a server on a free port, without rate limits. */
export function serverEnvironment(environment: Record<string, string>): NodeJS.ProcessEnv {
  return {
    ...process.env,
    HOST: '127.0.0.1',
    PORT: '0',
    RATE_LIMITS: 'off',
    SECURITY_LOG: 'off',
    METRICS_TOKEN: metricsToken,
    ...environment,
  };
}

function readyAt(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = '';
    const read = (chunk: Buffer) => {
      printed += String(chunk);
      const url = /ready.*? at (https?:\/\/\w+:\d+)/.exec(printed)?.[1];
      if (url) resolve(url);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}:\n${printed}`)));
  });
}
