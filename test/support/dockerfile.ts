import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs the image's health check here and returns its exit code: 0 if the server is healthy. */
export async function runHealthcheck(environment: Record<string, string>): Promise<number> {
  const [, command = '[]'] = /^HEALTHCHECK[^\n]*\n\s*CMD (.*)$/m.exec(await readFile('Dockerfile', 'utf8')) ?? [];
  const [, ...args] = JSON.parse(command) as string[];
  // Not built, so that this needs no build.
  const sources = args.map((arg) => arg.replace(/^dist\//, ''));
  return run(process.execPath, sources, { env: environment }).then(
    () => 0,
    ({ code }: { code: number }) => code,
  );
}

/** Returns the arguments of npm that remove development dependencies from the image. */
export async function readPruning(): Promise<string[]> {
  const [, args = ''] = /^RUN npm (prune .*)$/m.exec(await readFile('Dockerfile', 'utf8')) ?? [];
  return args.split(' ');
}

/** Returns the arguments that the image starts Node with. */
export async function readCommand(): Promise<string[]> {
  const [, command = '[]'] = /^ENTRYPOINT (.*)$/m.exec(await readFile('Dockerfile', 'utf8')) ?? [];
  const parts = JSON.parse(command) as string[];
  return parts.slice(parts.indexOf('node') + 1);
}
