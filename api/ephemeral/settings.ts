import { randomBytes } from 'node:crypto';
import { type Config, isSetting, readConfig } from '../config.ts';
import { StartError } from '../start-errors.ts';

/** Seconds in a day: tokens of the seed last as long as a day of work. */
const daySeconds = 86_400;

/** Settings that differ from the defaults, and that `--set` may change. */
const suggested = {
  LOG_LEVEL: 'error',
  SECURITY_LOG: 'off',
  RATE_LIMITS: 'off',
  TOKEN_TTL_SECONDS: String(daySeconds),
  // The pages under test come from the server of their bundler.
  ALLOWED_ORIGINS: '*',
  MATCH_RELAX_MS: '500',
  MAX_UPLOAD_BYTES: '16777216',
  MAX_TOTAL_FILES_BYTES: '268435456',
};

/** Settings that a server in memory, for this machine alone, cannot have otherwise. */
const fixed = ['HOST', 'PORT', 'DATA_DIR', 'SERVICES', 'GRAVATAR', 'DRAIN_MS', 'PUBLIC_URL', 'TRUST_PROXY'];
const fixedPattern = /^(DATABASE|REDIS|KAFKA|S3|TLS|JWT)_/;

/** Cost of passwords' hashes: the least that argon2id allows. No such hash outlives the process. */
export const hashCost = { memoryCost: 8, timeCost: 1, parallelism: 1 };

/**
 * Returns the configuration of an ephemeral server. The environment has no part in it.
 * @param changes settings by name, as in the environment
 * @throws ConfigError if one is invalid; StartError if one does not exist or cannot be changed
 */
export function readEphemeralConfig(changes: Readonly<Record<string, string>>): Config {
  const unknown = Object.keys(changes).find((name) => !isSetting(name));
  if (unknown !== undefined)
    throw new StartError(`--set ${unknown}: no setting has this name. See docs/operations.md.`);
  const refused = Object.keys(changes).find((name) => fixed.includes(name) || fixedPattern.test(name));
  if (refused !== undefined)
    throw new StartError(`--set ${refused}: an ephemeral server keeps everything in memory and uses no services.`);
  const secret = randomBytes(48).toString('base64url');
  return readConfig({ ...suggested, ...changes, HOST: '127.0.0.1', PORT: '0', JWT_SECRET: secret });
}
