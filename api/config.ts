import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { logLevels } from './logger.ts';

/** Above this a timer would fire at once, and an SQL integer overflow. */
const most = 2 ** 31 - 2;
const count = (fallback: number) => z.coerce.number().int().positive().max(most).default(fallback);
const onOff = (fallback: 'on' | 'off') => z.enum(['on', 'off']).default(fallback);

const list = z.string().transform((value) => value.split(',').map((item) => item.trim()));
const services = ['gateway', 'bridge'] as const;

const shape = z.object({
  PORT: z.coerce.number().int().min(0).max(65535).default(4000),
  HOST: z.string().default('0.0.0.0'),
  SERVICES: list.pipe(z.array(z.enum(services)).min(1)).default([...services]),
  DATA_DIR: z.string().min(1).default('./data'),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  DATABASE_POOL: count(10),
  DATABASE_STATEMENT_TIMEOUT_MS: count(10_000),
  REDIS_URL: list.pipe(z.array(z.url({ protocol: /^rediss?$/ })).min(1)).optional(),
  REDIS_PREFIX: z.string().min(1).default('parley'),
  KAFKA_BROKERS: list.pipe(z.array(z.string().min(1)).min(1)).optional(),
  KAFKA_TOPIC_PREFIX: z
    .string()
    .regex(/^[\w.-]{1,100}$/, 'takes letters, digits, dots and dashes')
    .default('parley'),
  KAFKA_PARTITIONS: count(12),
  KAFKA_REPLICATION: count(1),
  TLS_CERT_FILE: z.string().optional(),
  TLS_KEY_FILE: z.string().optional(),
  PUBLIC_URL: z.url().optional(),
  LOG_LEVEL: z.enum(logLevels).default('warn'),
  JWT_SECRET: z.string().min(32, 'takes at least 32 characters').optional(),
  TOKEN_TTL_SECONDS: count(900),
  MAX_CONNECTIONS: count(20_000),
  MAX_SUBSCRIPTIONS: count(100),
  MAX_MESSAGE_BYTES: count(4096),
  MAX_REPLAY: count(10_000),
  SEND_TIMEOUT_MS: count(10_000),
  FLUSH_WINDOW_MS: z.coerce.number().int().min(0).max(1_000).default(2),
  MAX_SOCKET_BUFFER_BYTES: count(1_048_576),
  MAX_NODE_BUFFER_BYTES: count(268_435_456),
  MATCH_LEASE_MS: count(15_000),
  MATCH_RELAX_MS: count(5_000),
  MATCH_ABSENCE_MS: count(120_000),
  PRESENCE_LEASE_MS: count(30_000),
  GRAVATAR: onOff('off'),
  TRUST_PROXY: onOff('off'),
  RATE_LIMITS: onOff('on'),
});

/** Settings that exclude each other, each said of the variable that is to be changed. */
const variables = shape.superRefine((given, { addIssue }) => {
  const refuse = (path: keyof typeof given, message: string) => addIssue({ code: 'custom', path: [path], message });
  const isShared = given.SERVICES.length < services.length;
  for (const name of ['DATABASE_URL', 'REDIS_URL', 'KAFKA_BROKERS'] as const) {
    if (isShared && !given[name]) refuse(name, 'is needed where SERVICES names one of the two: they meet there');
  }
  if (given.DATABASE_URL && !given.KAFKA_BROKERS && !isShared)
    refuse('KAFKA_BROKERS', 'is needed beside DATABASE_URL: the log within a process cannot be shared by several');
  if (given.DATABASE_URL && !given.JWT_SECRET && given.SERVICES.includes('gateway'))
    refuse('JWT_SECRET', 'is needed beside DATABASE_URL: every gateway signs with the same');
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

/** Every variable that is read, for `.env.example` and the docs. */
export const variableNames = Object.keys(shape.shape);

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
