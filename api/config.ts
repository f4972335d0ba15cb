import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import { misspelledSettings } from './misspelled-settings.ts';
import { services, settings } from './settings.ts';
import { StartError } from './start-errors.ts';

/** Rules between settings; each problem is reported for the variable to change. */
const variables = settings.superRefine((given, { addIssue }) => {
  const refuse = (path: keyof typeof given, message: string) => addIssue({ code: 'custom', path: [path], message });
  const isShared = given.SERVICES.length < services.length;
  for (const name of ['DATABASE_URL', 'REDIS_URL', 'KAFKA_BROKERS'] as const) {
    if (isShared && !given[name])
      refuse(name, 'must be set if SERVICES names only one service: gateways and bridges share it');
  }
  if (given.DATABASE_URL && !given.KAFKA_BROKERS && !isShared)
    refuse(
      'KAFKA_BROKERS',
      'must be set together with DATABASE_URL: several processes cannot share an in-process event log',
    );
  if (given.DATABASE_URL && !given.REDIS_URL && !isShared)
    refuse('REDIS_URL', 'must be set together with DATABASE_URL: processes that share a database signal each other');
  if (given.DATABASE_URL && !given.JWT_SECRET && given.SERVICES.includes('gateway'))
    refuse('JWT_SECRET', 'must be set together with DATABASE_URL: every gateway signs tokens with the same secret');
  for (const name of ['S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'] as const) {
    if (given.S3_BUCKET && !given[name]) refuse(name, 'must be set together with S3_BUCKET');
  }
  for (const name of ['S3_ENDPOINT', 'S3_PUBLIC_ENDPOINT'] as const) {
    if (given[name] && !given.S3_BUCKET) refuse('S3_BUCKET', `must be set together with ${name}`);
  }
  if (given.SMTP_URL && !given.MAIL_FROM) refuse('MAIL_FROM', 'must be set together with SMTP_URL');
  if (given.SMTP_URL && !given.PUBLIC_URL && !given.PASSWORD_RESET_URL)
    refuse('PUBLIC_URL', 'or PASSWORD_RESET_URL must be set together with SMTP_URL: mails have links');
  if (given.TOKEN_TTL_SECONDS > given.REFRESH_TTL_DAYS * 86_400)
    refuse('REFRESH_TTL_DAYS', 'must not be shorter than TOKEN_TTL_SECONDS: a token may not outlive its session');
  if (given.TRUSTED_DOCUMENTS_ONLY === 'on' && given.GRAPHIQL === 'on')
    refuse(
      'GRAPHIQL',
      'must not be on together with TRUSTED_DOCUMENTS_ONLY: every operation written in it would be refused',
    );
  if ((given.TLS_CERT_FILE === undefined) !== (given.TLS_KEY_FILE === undefined))
    refuse(given.TLS_CERT_FILE ? 'TLS_KEY_FILE' : 'TLS_CERT_FILE', 'must be set together with the other one');
});

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[/\\]$/, '');
const packageRoot = basename(root) === 'dist' ? dirname(root) : root;

/** Thrown for invalid settings; the message lists all problems. */
export class ConfigError extends StartError {
  override readonly name = 'ConfigError';

  /** @param problems texts that begin with the name of their variable */
  constructor(problems: readonly string[]) {
    const lines = [...new Set(problems)].map((problem) => `  ${problem}`);
    super(`These environment variables are invalid:\n${lines.join('\n')}`);
  }
}

/** Directories and files of the package that hold no code. */
export const paths = {
  migrations: `${packageRoot}/prisma/migrations`,
  client: `${packageRoot}/dist/client`,
  /** Image of an empty database, made by the build; null when the sources run. */
  databaseImage: packageRoot === root ? null : `${root}/database.tar.gz`,
  packageFile: `${packageRoot}/package.json`,
};

/**
 * Reads the settings from environment variables. A variable that is empty or has only spaces counts as unset.
 * @throws ConfigError that lists every invalid variable
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env) {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim() !== ''));
  const parsed = variables.safeParse(given);
  if (parsed.success) return { ...parsed.data, GRAPHIQL: parsed.data.GRAPHIQL ?? graphiql(parsed.data) };
  throw new ConfigError(parsed.error.issues.map(({ path, message }) => `${path[0]?.toString()}: ${message}`));
}

/** Returns whether a setting has this name. */
export const isSetting = (name: string): boolean => Object.hasOwn(settings.shape, name);

/** Returns a warning for each environment variable that looks like a misspelled setting. */
export function readWarnings(environment: NodeJS.ProcessEnv = process.env): string[] {
  return misspelledSettings(environment).map(
    ({ name, meant }) => `the environment variable ${name} is not a setting: was ${meant} meant?`,
  );
}

/** GraphiQL is off in production unless it is asked for, and where no operation that is written in it would run. */
function graphiql({ NODE_ENV, TRUSTED_DOCUMENTS_ONLY }: z.infer<typeof settings>): 'on' | 'off' {
  return NODE_ENV === 'production' || TRUSTED_DOCUMENTS_ONLY === 'on' ? 'off' : 'on';
}

export type Config = ReturnType<typeof readConfig>;
