import { readdir, readFile } from 'node:fs/promises';

/** Returns the ids of the processes that a process has started to process pictures. */
export async function pictureProcessesOf(parent: number | undefined): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(async (pid) => ((await isPictureProcess(pid, parent)) ? [pid] : [])));
  return found.flat();
}

async function isPictureProcess(pid: number, parent: number | undefined): Promise<boolean> {
  const [status, command] = await Promise.all(['status', 'cmdline'].map((name) => readProcessFile(pid, name)));
  return !!command?.includes('picture-program') && !!status?.includes(`PPid:\t${parent}\n`);
}

/** Returns whether a process runs. */
export async function isRunning(pid: number): Promise<boolean> {
  return /State:\t[^ZX]/.test(await readProcessFile(pid, 'status'));
}

/** Returns the content of a file of `/proc`, or an empty text when the process has ended. */
export function readProcessFile(pid: number, name: string): Promise<string> {
  return readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');
}
