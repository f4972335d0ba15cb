import { z } from 'zod';
import { logLevels } from './logger.ts';

/** Above this a timer would fire at once, and an SQL integer overflow. */
const most = 2 ** 31 - 2;
const count = (fallback: number) => z.coerce.number().int().positive().max(most).default(fallback);
const bytes = (fallback: number) => z.coerce.number().int().positive().max(Number.MAX_SAFE_INTEGER).default(fallback);
const onOff = (fallback: 'on' | 'off') => z.enum(['on', 'off']).default(fallback);
const list = z.string().transform((value) => value.split(',').map((item) => item.trim()));
const port = z.coerce.number().int().min(0).max(65535);
const prefix = z.string().regex(/^[\w.-]{1,100}$/, 'takes letters, digits, dots and dashes');

export const services = ['gateway', 'bridge'] as const;

/**
 * Every environment variable that is read: what it takes, its default, and what it is for. `.env.example` and the table in
 * docs/operations.md are made of this by `npm run codegen`.
 */
export const settings = z.object({
  PORT: port.default(4000).describe('Port to listen on. 0 takes any that is free.'),
  HOST: z.string().default('0.0.0.0').describe('Address to listen on.'),
  PUBLIC_URL: z
    .url()
    .optional()
    .describe('Where clients reach this server, if not at the address above: https://chat.example.org'),
  TRUST_PROXY: onOff('off').describe(
    'on: a client has the last address of X-Forwarded-For. Only behind one proxy that adds it.',
  ),
  TLS_CERT_FILE: z.string().optional().describe('For HTTPS and WSS: a PEM file with the certificate.'),
  TLS_KEY_FILE: z.string().optional().describe('A PEM file with the key of the certificate.'),
  SERVICES: list
    .transform((named) => [...new Set(named)])
    .pipe(z.array(z.enum(services)).min(1))
    .default([...services])
    .describe('What this process is: a gateway holds connections, a bridge writes. A laptop needs both in one.'),
  DATA_DIR: z
    .string()
    .min(1)
    .default('./data')
    .describe('Directory of everything that no variable below puts elsewhere. One process at a time.'),
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .optional()
    .describe('PostgreSQL: postgresql://user:password@host/database, with ?sslmode=… for TLS.'),
  DATABASE_POOL: count(10).describe('Connections to PostgreSQL that a process has at most.'),
  DATABASE_STATEMENT_TIMEOUT_MS: count(10_000).describe('How long one statement may take.'),
  REDIS_URL: list
    .pipe(z.array(z.url({ protocol: /^rediss?$/ })).min(1))
    .optional()
    .describe(
      'Redis: redis://host:6379, or several by commas: signals are spread over all, the queue is in the first.',
    ),
  REDIS_PREFIX: z.string().min(1).default('parley').describe('What the name of every key and signal begins with.'),
  KAFKA_BROKERS: list
    .pipe(z.array(z.string().min(1)).min(1))
    .optional()
    .describe('Kafka: host:9092, or several by commas.'),
  KAFKA_TOPIC_PREFIX: prefix
    .default('parley')
    .describe('What the name of every topic begins with. Another is a new log.'),
  KAFKA_PARTITIONS: count(12).describe(
    'Partitions that the topic is made with; they never change. As many bridges share them.',
  ),
  KAFKA_REPLICATION: count(1).describe('On how many brokers the topic is made to keep each event: 3 in production.'),
  S3_BUCKET: z
    .string()
    .min(3)
    .optional()
    .describe('Files are kept in this bucket of S3; made when it is not there. Unset: in DATA_DIR.'),
  S3_ENDPOINT: z.url().optional().describe("Where S3 is, if not Amazon's: https://s3.example.org"),
  S3_PUBLIC_ENDPOINT: z
    .url()
    .optional()
    .describe('Where clients reach S3, if not at S3_ENDPOINT: for direct uploads and S3_DIRECT_READS.'),
  S3_REGION: z.string().min(1).default('us-east-1').describe('The region of the bucket.'),
  S3_ACCESS_KEY_ID: z.string().min(1).optional().describe('Who signs in to S3.'),
  S3_SECRET_ACCESS_KEY: z.string().min(1).optional().describe('The secret of that key.'),
  S3_DIRECT_READS: onOff('off').describe('on: who reads a file is sent to S3 for it.'),
  LOG_LEVEL: z
    .enum(logLevels)
    .default('warn')
    .describe(`How much is logged: ${logLevels.join(', ')}.`),
  JWT_SECRET: z
    .string()
    .min(32, 'takes at least 32 characters')
    .optional()
    .describe('What tokens are signed with, at least 32 characters. Unset: made once and kept in DATA_DIR.'),
  TOKEN_TTL_SECONDS: count(900).describe('How long a token lasts before it is to be refreshed.'),
  MAX_CONNECTIONS: count(20_000).describe('WebSockets of this process.'),
  MAX_SUBSCRIPTIONS: count(100).describe('Operations at once on one WebSocket.'),
  IDLE_TIMEOUT_MS: count(60_000).describe(
    'How long a client may be silent in the middle of a request, or not read its answer, before it is cut off.',
  ),
  MAX_MESSAGE_BYTES: count(4096).describe('Bytes of the text of a message, as UTF-8.'),
  MAX_UPLOAD_BYTES: count(104_857_600).describe('Bytes of one file.'),
  MAX_USER_FILES_BYTES: bytes(2_147_483_648).describe('Bytes of all files that one user has here.'),
  MAX_CHANNEL_FILES_BYTES: bytes(21_474_836_480).describe('Bytes of all files of one channel.'),
  MAX_REPLAY: count(10_000).describe(
    'Changes that a subscriber who resumes gets replayed; further back is RESYNC_REQUIRED.',
  ),
  SEND_TIMEOUT_MS: count(10_000).describe('How long the outcome of an event is waited for before UNAVAILABLE.'),
  DRAIN_MS: z.coerce
    .number()
    .int()
    .min(0)
    .max(most)
    .default(0)
    .describe('How long a gateway that stops says so on /health before it goes: 3000 behind a load balancer.'),
  FLUSH_WINDOW_MS: z.coerce
    .number()
    .int()
    .min(0)
    .max(1_000)
    .default(2)
    .describe('Frames of so many milliseconds leave a WebSocket in one write; 0: those of the same moment alone.'),
  MAX_SOCKET_BUFFER_BYTES: count(1_048_576).describe(
    'The most that waits for one client to read, in bytes, backlogs and a frame that is larger by itself aside; above it the client is closed with 1013 and resumes.',
  ),
  MAX_NODE_BUFFER_BYTES: count(268_435_456).describe(
    'The same for all clients of this process; above it signals are dropped, then the slowest are closed, at once where they are stuck.',
  ),
  MATCH_LEASE_MS: count(15_000).describe('How long a place in the waiting queue lasts unless it is renewed.'),
  MATCH_RELAX_MS: count(5_000).describe('After which wait anyone will do, without a shared tag.'),
  MATCH_ABSENCE_MS: count(120_000).describe('How long one may stay away from a match before it ends.'),
  PRESENCE_LEASE_MS: count(30_000).describe('How long users of a process that was killed stay online.'),
  GRAVATAR: onOff('off').describe('on: pictures are fetched from Gravatar by this server, and kept.'),
  RATE_LIMITS: onOff('on').describe('off: no rates, and no bound on connections. For load tests.'),
});

/** A variable as the docs show it. */
export interface Setting {
  name: string;
  /** As it is written in the environment; empty where it is unset unless given. */
  fallback: string;
  description: string;
}

/** Every variable that is read, in the order of the docs. */
export function listSettings(): Setting[] {
  return Object.entries(settings.shape).map(([name, schema]) => ({
    name,
    fallback: String(schema.parse(undefined) ?? ''),
    description: schema.description ?? '',
  }));
}
