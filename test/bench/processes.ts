import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/** Process to measure. */
export interface Measured {
  child: ChildProcess;
  /** Match in its output that showed that it was ready. */
  ready: RegExpExecArray;
  stop(): Promise<void>;
}

/**
 * Starts a process and waits until its output matches a pattern.
 * @throws Error with its output if it ends before
 */
export async function start(
  command: readonly [program: string, ...args: string[]],
  ready: RegExp,
  environment: Record<string, string> = {},
): Promise<Measured> {
  const [program, ...args] = command;
  const child = spawn(program, args, {
    env: { ...process.env, NODE_ENV: 'production', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const found = await new Promise<RegExpExecArray>((resolve, reject) => {
    let printed = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      printed += String(chunk);
      const match = ready.exec(printed);
      if (match) resolve(match);
    });
    child.once('exit', (code) => reject(new Error(`${command.join(' ')} ended with ${code}:\n${printed}`)));
  });
  return {
    child,
    ready: found,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** Returns the CPU time of all threads of a process, in microseconds. */
export function cpuOf(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.reduce((sum, task) => sum + nanoseconds(`/proc/${pid}/task/${task}/schedstat`) / 1_000, 0);
}

/** Returns the CPU time of a process and all its descendants, in microseconds. */
export function cpuOfTree(pid: number): number {
  return [pid, ...descendants(pid)].reduce((sum, one) => sum + cpuOf(one), 0);
}

/** Returns the resident memory of a process, in kilobytes. */
export function residentKb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function nanoseconds(path: string): number {
  return Number(read(path).split(' ')[0]);
}

/** Reads a file of a thread or process, which may end at any time: its file is empty then. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function descendants(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}
