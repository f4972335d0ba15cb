import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Config } from '../config.ts';

/** Returns the secret that tokens and file URLs are signed with: `JWT_SECRET`, or one made once and kept in `DATA_DIR`. */
export async function readSigningSecret({ JWT_SECRET, DATA_DIR }: Config): Promise<string> {
  if (JWT_SECRET !== undefined) return JWT_SECRET;
  const path = `${DATA_DIR}/jwt-secret`;
  const kept = await readFile(path, 'utf8').catch(() => '');
  if (kept !== '') return kept;
  const secret = randomBytes(48).toString('base64url');
  await writeFile(`${path}.new`, secret, { mode: 0o600 });
  await rename(`${path}.new`, path);
  return secret;
}
