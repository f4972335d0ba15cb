import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The command that the image is probed with, run here: 0 where the server in it is well. */
export async function runHealthcheck(environment: Record<string, string>): Promise<number> {
  const [, command = '[]'] = /^HEALTHCHECK[^\n]*\n\s*CMD (.*)$/m.exec(await readFile('Dockerfile', 'utf8')) ?? [];
  const [, ...args] = JSON.parse(command) as string[];
  return run(process.execPath, args, { env: environment }).then(
    () => 0,
    ({ code }: { code: number }) => code,
  );
}

/** How the image is rid of what is for development: npm's arguments. */
export async function readPruning(): Promise<string[]> {
  const [, args = ''] = /^RUN npm (prune .*)$/m.exec(await readFile('Dockerfile', 'utf8')) ?? [];
  return args.split(' ');
}
