import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { serverEnvironment } from './process.ts';
import { guardChild } from './services/guard.ts';

/** How a server process has ended. */
interface Ended {
  /** Exit code; null after a signal that ended it. */
  code: number | null;
  /** Everything that it printed. */
  output: string;
}

/** A server process that may end at any moment. */
export interface RunningServer {
  child: ChildProcess;
  /** Resolves when it has printed a text; rejects if it ends before. */
  printed(text: string): Promise<void>;
  /** Resolves when it has ended. */
  ended: Promise<Ended>;
}

/**
 * Starts the server from its sources, and does not wait for it.
 * @param options.preload JavaScript that runs before the server
 * @param options.stdout descriptor in place of a pipe
 */
export function runServer(
  environment: Record<string, string>,
  options: { preload?: string; stdout?: number } = {},
): RunningServer {
  const { preload, stdout = 'pipe' } = options;
  const loaders = preload ? ['--import', `data:text/javascript,${encodeURIComponent(preload)}`] : [];
  const child = spawn(process.execPath, ['--import', 'tsx', ...loaders, 'api/main.ts'], {
    env: serverEnvironment(environment),
    stdio: ['ignore', stdout, 'pipe'],
  });
  guardChild(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
  const ended = once(child, 'close').then(([code]): Ended => ({ code: code as number | null, output }));
  return {
    child,
    ended,
    async printed(text) {
      for (let isOver = false; !output.includes(text); ) {
        if (isOver) throw new Error(`the server ended without "${text}":\n${output}`);
        const more = [child.stdout, child.stderr].flatMap((stream) => (stream ? [once(stream, 'data')] : []));
        isOver = await Promise.race([...more.map((one) => one.then(() => false)), ended.then(() => true)]);
      }
    },
  };
}
