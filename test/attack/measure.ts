import { readFileSync, writeFileSync } from 'node:fs';

/** Milliseconds of a clock tick, in which the kernel counts the CPU time of processes: 100 Hz on every Linux (man 5 proc). */
const tickMs = 10;

/** Cost of some work to the processes that did it. */
export interface Cost {
  /** CPU time of all threads, in milliseconds. */
  cpuMs: number;
  /** Highest resident memory above that before the work, in megabytes, in the process where it rose the most. */
  peakMb: number;
}

/** Returns the CPU time of all threads of processes so far, in milliseconds. */
export function cpuMsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + ticksOf(`/proc/${pid}/stat`) * tickMs, 0);
}

/** Returns the CPU time of the main thread of a process so far, in milliseconds. */
export function mainCpuMsOf(pid: number): number {
  return ticksOf(`/proc/${pid}/task/${pid}/stat`) * tickMs;
}

/** Measures the cost of some work to the processes of a server. */
export async function measureCost<Result>(
  pids: readonly number[],
  work: () => Promise<Result>,
): Promise<{ cost: Cost; result: Result }> {
  for (const pid of pids) forgetPeak(pid);
  const before = pids.map((pid) => memoryOf(pid, 'VmRSS'));
  const cpuBefore = cpuMsOf(pids);
  const result = await work();
  const rises = pids.map((pid, n) => memoryOf(pid, 'VmHWM') - (before[n] ?? 0));
  return { cost: { cpuMs: cpuMsOf(pids) - cpuBefore, peakMb: Math.max(0, ...rises) / 1_024 }, result };
}

/** Sets the peak of a process's memory to its present size (man 5 proc, clear_refs). */
function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Returns a figure of a process's memory, in kilobytes. */
function memoryOf(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** Returns user and system time of a stat file. The command's name before them may contain spaces. */
function ticksOf(path: string): number {
  const stat = readFileSync(path, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
