import { readFile } from 'node:fs/promises';

/** Reads the version of an installed package. */
export async function versionOf(name: string): Promise<string> {
  return JSON.parse(await readFile(`node_modules/${name}/package.json`, 'utf8')).version;
}
