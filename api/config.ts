import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { services, settings } from './settings.ts';

/** Settings that exclude each other, each said of the variable that is to be changed. */
const variables = settings.superRefine((given, { addIssue }) => {
  const refuse = (path: keyof typeof given, message: string) => addIssue({ code: 'custom', path: [path], message });
  const isShared = given.SERVICES.length < services.length;
  for (const name of ['DATABASE_URL', 'REDIS_URL', 'KAFKA_BROKERS'] as const) {
    if (isShared && !given[name]) refuse(name, 'is needed where SERVICES names one of the two: they meet there');
  }
  if (given.DATABASE_URL && !given.KAFKA_BROKERS && !isShared)
    refuse('KAFKA_BROKERS', 'is needed beside DATABASE_URL: the log within a process cannot be shared by several');
  if (given.DATABASE_URL && !given.REDIS_URL && !isShared)
    refuse('REDIS_URL', 'is needed beside DATABASE_URL: what one process signals is for all of them');
  if (given.DATABASE_URL && !given.JWT_SECRET && given.SERVICES.includes('gateway'))
    refuse('JWT_SECRET', 'is needed beside DATABASE_URL: every gateway signs with the same');
  for (const name of ['S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'] as const) {
    if (given.S3_BUCKET && !given[name]) refuse(name, 'is needed beside S3_BUCKET');
  }
  for (const name of ['S3_ENDPOINT', 'S3_PUBLIC_ENDPOINT'] as const) {
    if (given[name] && !given.S3_BUCKET) refuse('S3_BUCKET', `is needed beside ${name}`);
  }
  if ((given.TLS_CERT_FILE === undefined) !== (given.TLS_KEY_FILE === undefined))
    refuse(given.TLS_CERT_FILE ? 'TLS_KEY_FILE' : 'TLS_CERT_FILE', 'is needed beside the other of the two');
});

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[/\\]$/, '');
const packageRoot = basename(root) === 'dist' ? dirname(root) : root;

/** Settings that are wrong, all of them in one message. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Where the parts of the package lie that are not code. */
export const paths = {
  migrations: `${packageRoot}/prisma/migrations`,
  client: `${packageRoot}/dist/client`,
};

/**
 * The process's settings. An empty variable counts as not set.
 * @throws ConfigError that names every variable that is wrong, and how
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env) {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = variables.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `  ${path[0]?.toString()}: ${message}`);
  throw new ConfigError(`These environment variables are wrong:\n${problems.join('\n')}`);
}

export type Config = ReturnType<typeof readConfig>;
