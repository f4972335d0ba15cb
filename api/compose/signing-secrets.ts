import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Config } from '../config.ts';
import type { SigningSecrets } from '../domain/signing-keys.ts';

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
  const kept = await readFile(path, 'utf8').catch(() => '');
  if (kept !== '') return kept;
  const secret = randomBytes(48).toString('base64url');
  await writeFile(`${path}.new`, secret, { mode: 0o600 });
  await rename(`${path}.new`, path);
  return secret;
}
