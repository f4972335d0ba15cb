import { randomBytes } from 'node:crypto';
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import type { Config } from '../config.ts';
import { explainDiskError } from '../disk-errors.ts';
import type { SigningSecrets } from '../domain/signing-keys.ts';
import { ignore } from '../ignore.ts';
import { codeOf } from '../start-errors.ts';

/**
 * Returns the secrets of tokens and file URLs: the one that signs is `JWT_SECRET`, or one made once and kept in `DATA_DIR`;
 * those of `JWT_OTHER_SECRETS` verify only.
 */
export async function readSigningSecrets(config: Config): Promise<SigningSecrets> {
  const current = config.JWT_SECRET ?? (await readKeptSecret(config.DATA_DIR));
  return [current, ...config.JWT_OTHER_SECRETS.filter((secret) => secret !== current)];
}

async function readKeptSecret(directory: string): Promise<string> {
  const path = `${directory}/jwt-secret`;
  try {
    const kept = await readIfPresent(path);
    if (kept !== '') return kept;
    const secret = randomBytes(48).toString('base64url');
    await writeFile(`${path}.new`, secret, { mode: 0o600, flush: true });
    await rename(`${path}.new`, path);
    return secret;
  } catch (error) {
    throw explainDiskError(error, path);
  }
}

/** A secret that cannot be read must not be replaced: every token would be invalid. */
async function readIfPresent(path: string): Promise<string> {
  try {
    const secret = await readFile(path, 'utf8');
    await chmod(path, 0o600).catch(ignore);
    return secret;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
}
