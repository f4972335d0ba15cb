import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Stopped, traced, or ended. */
const restingStates = 'TtZX';

/**
 * Resolves once no thread of a process runs. SIGSTOP takes effect only when the thread that the kernel chose handles it: the
 * others go on until then, which lasts while the machine is busy. Without `/proc` it resolves at once.
 */
export async function untilSuspended(pid: number): Promise<void> {
  while (statesOf(pid).some((state) => !restingStates.includes(state))) await delay(5);
}

/** Returns the state of each thread, as in proc_pid_stat(5). */
function statesOf(pid: number): string[] {
  const tasks = `/proc/${pid}/task`;
  return orIfGone(() => readdirSync(tasks), []).map((id) => readState(`${tasks}/${id}/stat`));
}

/** The name of the thread stands before its state, in parentheses, and may contain any character. */
function readState(file: string): string {
  const text = orIfGone(() => readFileSync(file, 'latin1'), '');
  return text.at(text.lastIndexOf(')') + 2) ?? 'X';
}

function orIfGone<T>(read: () => T, gone: T): T {
  try {
    return read();
  } catch {
    return gone;
  }
}
