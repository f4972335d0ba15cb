import { z } from 'zod';
import { readTrustedProxies } from './address.ts';
import { logLevels } from './logger.ts';
import {
  duration,
  integer,
  list,
  maxInteger,
  oneOf,
  read,
  readBroker,
  readDatabaseUrl,
  readEndpoint,
  readHost,
  readLink,
  readOrigin,
  readPublicUrl,
  readRedisUrl,
  readSender,
  readSmtpUrl,
  word,
} from './setting-kinds.ts';

const count = (fallback: number) => integer(1, maxInteger).default(fallback);
const bytes = (fallback: number) => integer(1, Number.MAX_SAFE_INTEGER).default(fallback);
const switches = ['on', 'off'] as const;
const onOff = (fallback: 'on' | 'off') => oneOf(switches).default(fallback);
const secret = z.string().min(32, 'must be at least 32 characters');
const prefix = z.string().regex(/^[\w.-]{1,100}$/, 'must be 1 to 100 letters, digits, dots, dashes or underscores');
/** One or more records of the event log. */
const recordRange = z
  .string()
  .regex(/^\d{1,9}:\d{1,18}(-\d{1,18})?$/, 'must be partition:offset, or partition:first-last')
  .transform((text) => {
    const [partition = '', first = '', last = first] = text.split(/[:-]/);
    return { partition: Number(partition), first: BigInt(first), last: BigInt(last) };
  })
  .refine(({ first, last }) => first <= last, 'must name the lower offset of a range first');

const endpointMessage = 'must be the URL of a service, such as https://s3.example.org, without user and query';

export const services = ['gateway', 'bridge'] as const;

/**
 * Every environment variable that Parley reads: its format, default and description. `npm run codegen` writes `.env.example`
 * and the table in docs/operations.md from it.
 */
export const settings = z.object({
  PORT: integer(0, 65_535).default(4000).describe('Port to listen on. 0 picks a free port.'),
  HOST: read(readHost, 'must be an IP address or a host name, without a scheme and a port: PORT sets the port')
    .default('0.0.0.0')
    .describe('Address or name of this machine to listen on: 0.0.0.0 for all of IPv4, :: for all of IPv6 and IPv4.'),
  PUBLIC_URL: read(
    readPublicUrl,
    'must be http:// or https:// and a host, such as https://chat.example.org: a path, a query or a user is not supported',
  )
    .optional()
    .describe(
      'URL at which clients reach this server, if it differs from the address above: https://chat.example.org, without a path.',
    ),
  TRUST_PROXY: z
    .string()
    .refine(
      (text) => readTrustedProxies(text) !== null,
      'must be on, off, a number up to 99, or addresses and CIDR ranges separated by commas',
    )
    .default('off')
    .describe(
      'Proxies whose X-Forwarded-For gives the client address: their number (on: 1), or their addresses and CIDR ranges, separated by commas. off: none.',
    ),
  ALLOWED_ORIGINS: list
    .pipe(
      z.array(read(readOrigin, 'must be origins such as https://app.example.org, without paths and wildcards, or *')),
    )
    .optional()
    .describe(
      'Origins whose pages may use the API besides this server’s own, separated by commas: https://app.example.org. *: all.',
    ),
  METRICS_TOKEN: z
    .string()
    .trim()
    // Others cannot be sent in the header (RFC 6750, section 2.1).
    .regex(/^[\x21-\x7e]{16,}$/, 'must be at least 16 characters of ASCII without spaces')
    .optional()
    .describe(
      'Token for /metrics and the details of /ready: Authorization: Bearer …, at least 16 characters. Unset: neither is served.',
    ),
  GRAPHIQL: oneOf(switches)
    .optional()
    .describe(
      'on: a browser gets GraphiQL at /graphql. Unset: on, but off with NODE_ENV=production or TRUSTED_DOCUMENTS_ONLY.',
    ),
  TLS_CERT_FILE: z
    .string()
    .optional()
    .describe('PEM file with the certificate, for HTTPS (HTTP/2 and HTTP/1.1) and WSS.'),
  TLS_KEY_FILE: z.string().optional().describe('PEM file with the private key of the certificate.'),
  SERVICES: list
    .pipe(z.array(oneOf(services)))
    .transform((named) => [...new Set(named)])
    .default([...services])
    .describe(
      'Services that this process runs: gateway (client connections), bridge (writes channels to the database), or both.',
    ),
  DATA_DIR: z
    .string()
    .min(1)
    .default('./data')
    .describe('Directory for data that no variable below stores elsewhere. One process at a time may use it.'),
  DATABASE_URL: read(
    readDatabaseUrl,
    'must be postgresql://user:password@host:port/database with one host; percent-encode special characters of the password',
  )
    .optional()
    .describe('PostgreSQL: postgresql://user:password@host/database, with ?sslmode=… for TLS.'),
  DATABASE_POOL: count(10).describe(
    'Maximum number of PostgreSQL connections per process. Queries use at most 7 of 10, and leave the others to sends.',
  ),
  DATABASE_STATEMENT_TIMEOUT_MS: count(10_000).describe(
    'Maximum time for one SQL statement, and for which that of a query waits for its turn.',
  ),
  SET_ASIDE_RECORDS: list
    .pipe(z.array(recordRange))
    .default([])
    .describe(
      'Records of the event log that a bridge sets aside instead of applying them, separated by commas: partition:offset, or partition:first-last. Only to repair a partition that waits.',
    ),
  REDIS_URL: list
    .pipe(
      z.array(
        read(
          readRedisUrl,
          'must be redis://host:6379, or rediss://… for TLS; percent-encode special characters of the password, a comma as %2C',
        ),
      ),
    )
    .optional()
    .describe(
      'Redis: redis://host:6379, or several separated by commas. Signals are spread over all of them; the queue is in the first.',
    ),
  REDIS_PREFIX: word.default('parley').describe('Prefix of all Redis keys and pubsub topics.'),
  KAFKA_BROKERS: list
    .pipe(z.array(read(readBroker, 'must be host:port without a scheme, or [IPv6 address]:port')))
    .optional()
    .describe('Kafka brokers: host:9092, or several separated by commas.'),
  KAFKA_TOPIC_PREFIX: prefix
    .default('parley')
    .describe('Prefix of all Kafka topics. Changing it starts a new, empty log.'),
  KAFKA_PARTITIONS: count(12).describe(
    'Number of partitions of a new events topic; it never changes later. At most one bridge per partition works at a time.',
  ),
  KAFKA_REPLICATION: count(1).describe('Replication factor of new topics: 3 in production.'),
  KAFKA_DEAD_LETTER_DAYS: count(30).describe(
    'Days for which a new topic of dead letters keeps the records that could not be applied.',
  ),
  S3_BUCKET: word
    .min(3, 'must be at least 3 characters')
    .optional()
    .describe('S3 bucket for files; created if it does not exist. Unset: files are stored in DATA_DIR.'),
  S3_ENDPOINT: read(readEndpoint, endpointMessage)
    .optional()
    .describe('URL of the S3 service, if it is not AWS: https://s3.example.org'),
  S3_PUBLIC_ENDPOINT: read(readEndpoint, endpointMessage)
    .optional()
    .describe(
      'URL at which clients reach S3, if it differs from S3_ENDPOINT. Used by direct uploads and S3_DIRECT_READS.',
    ),
  S3_REGION: word.default('us-east-1').describe('Region of the bucket.'),
  S3_ACCESS_KEY_ID: word.optional().describe('Access key id for S3.'),
  S3_SECRET_ACCESS_KEY: word.optional().describe('Secret access key for S3.'),
  S3_DIRECT_READS: onOff('off').describe('on: redirect downloads to S3.'),
  SMTP_URL: read(
    readSmtpUrl,
    'must be smtp://user:password@host:587, or smtps://… for TLS; percent-encode special characters of the password',
  )
    .optional()
    .describe(
      'SMTP server for mails: smtp://user:password@host:587, or smtps://… for TLS; ?requireTLS=true refuses to send without it. Unset: no mails are sent. Without DATABASE_URL and NODE_ENV=production they are logged at the level info.',
    ),
  MAIL_FROM: read(readSender, 'must be an e-mail address, or a name with one: Parley <no-reply@example.org>')
    .optional()
    .describe('Sender of mails: an e-mail address, or a name with one: Parley <no-reply@example.org>.'),
  PASSWORD_RESET_URL: read(readLink, 'must be the URL of a page, such as https://app.example.org/reset#')
    .optional()
    .describe(
      'Link that mails have to choose a new password; the token is appended. Unset: the page of the web client at PUBLIC_URL.',
    ),
  PASSWORD_RESET_MINUTES: count(60).describe('Minutes for which such a link works, once.'),
  LOG_LEVEL: oneOf(logLevels)
    .default('warn')
    .describe(`Least severe level to log: ${logLevels.join(', ')}.`),
  SECURITY_LOG: word
    .default('stdout')
    .describe(
      'Security log, one JSON line per sign-in, failure, change of an account, end of a session, block, closed room or exceeded rate: stdout, the path of a file to append to, or off.',
    ),
  JWT_SECRET: secret
    .optional()
    .describe(
      'Secret that signs tokens and file URLs, at least 32 characters. Unset: generated once and kept in DATA_DIR.',
    ),
  JWT_OTHER_SECRETS: z
    .string()
    .default('[]')
    .transform(parseJson)
    .pipe(z.array(secret, 'must be a JSON array of secrets: ["…"]').max(10, 'must name at most 10 secrets'))
    .describe(
      'Secrets that are accepted as well but sign nothing, to replace JWT_SECRET: a JSON array, since a secret may contain any character.',
    ),
  TOKEN_TTL_SECONDS: count(900).describe('Lifetime of a token, in seconds. Clients refresh it before it ends.'),
  REFRESH_TTL_DAYS: duration(3_650)
    .default(30)
    .describe(
      'Days without use after which a session expires; each refresh extends it. A guest cannot sign in again afterwards.',
    ),
  MAX_SESSIONS_PER_USER: count(100).describe(
    'Maximum number of sessions of one user. Another one ends the session that was not used for the longest time.',
  ),
  PASSWORD_MIN_LENGTH: integer(8, 64)
    .default(8)
    .describe('Minimum length of new passwords, in characters: 8 to 64. Passwords that exist keep working.'),
  MAX_CONNECTIONS: count(20_000).describe('Maximum number of WebSockets and streams over HTTP of this process.'),
  MAX_CONNECTIONS_PER_ADDRESS: count(2_000).describe(
    'Maximum number of them from one address, or from one /64 network of IPv6; a /48 prefix has 16 times as many. Many clients share the address of an office.',
  ),
  MAX_ANONYMOUS_PER_ADDRESS: count(100).describe(
    'Maximum number of them from one address, of clients without a token.',
  ),
  MAX_CONNECTIONS_PER_USER: count(50).describe('Maximum number of them of one user: windows and devices.'),
  MAX_TCP_CONNECTIONS: count(40_000).describe('Maximum number of TCP connections of this process.'),
  MAX_TCP_CONNECTIONS_PER_ADDRESS: count(4_000).describe(
    'Maximum number of TCP connections from one address. It does not apply to proxies that TRUST_PROXY names.',
  ),
  MAX_SOCKET_MESSAGES_PER_SECOND: count(200).describe(
    'Messages, pings included, that a WebSocket may send per second in the long run; above it, it is closed with 1013. Requests about an event stream, likewise; they get 429.',
  ),
  ANONYMOUS_IDLE_MS: count(60_000).describe(
    'Maximum time that a WebSocket, or an event stream for many operations, without a token stays open without operations.',
  ),
  MAX_SUBSCRIPTIONS: count(100).describe('Maximum number of concurrent operations on one WebSocket or event stream.'),
  MAX_LIVE_POINTS_PER_USER_AND_CHANNEL: count(1_000).describe(
    'Points that the live subscriptions of one user to the messages of one channel may cost for each message. One selection costs at least 20 points, however many subscriptions share it.',
  ),
  MAX_LIVE_POINTS_PER_USER: count(20_000).describe(
    'Sum of these points of one user, over all channels, together with those of subscriptions to lists and matches.',
  ),
  MAX_LIVE_POINTS_PER_CHANNEL: count(50_000).describe('Sum of these points of one channel, over all users.'),
  MAX_LIVE_POINTS: count(2_000_000).describe('Sum of these points of this process, over all channels and users.'),
  IDLE_TIMEOUT_MS: count(60_000).describe(
    'Maximum time that a client may stall while it sends a request or reads a response; then its connection is closed.',
  ),
  MIN_BODY_BYTES_PER_SECOND: count(4_096).describe(
    'Minimum rate at which the body of a request must arrive, averaged over 30 s; slower ones are disconnected.',
  ),
  MAX_MESSAGE_BYTES: count(4096).describe('Maximum length of a message text, in bytes of UTF-8.'),
  MAX_DATA_BYTES: count(4096).describe(
    'Maximum length of the custom data of a user, a channel or a message, in bytes of JSON.',
  ),
  MAX_UPLOAD_BYTES: count(104_857_600).describe('Maximum size of one file, in bytes.'),
  MAX_USER_FILES_BYTES: bytes(2_147_483_648).describe('Maximum total size of the files of one user, in bytes.'),
  MAX_GUEST_FILES_BYTES: bytes(67_108_864).describe('Maximum total size of the files of one guest, in bytes.'),
  MAX_CHANNEL_FILES_BYTES: bytes(21_474_836_480).describe('Maximum total size of the files of one channel, in bytes.'),
  MAX_TOTAL_FILES_BYTES: bytes(107_374_182_400).describe(
    'Maximum total size of all files without thumbnails, in bytes. Above it, uploads fail with UNAVAILABLE.',
  ),
  FILE_URL_SECONDS: count(300).describe(
    'Shortest lifetime of the URL of a file, in seconds; the longest is twice that. Users who left a channel can use URLs until they expire.',
  ),
  PICTURE_TIMEOUT_MS: count(20_000).describe(
    'Maximum time to process one picture; then its process is killed, and the upload fails with BAD_USER_INPUT.',
  ),
  MAX_REPLAY: count(10_000).describe(
    'Maximum number of changes that a resuming subscriber gets replayed; further back it gets RESYNC_REQUIRED.',
  ),
  CURSOR_DAYS: duration(3_650)
    .default(30)
    .describe(
      'Days for which a cursor of `updates` can be used; an older one gets RESYNC_REQUIRED. For that time the server keeps notes of memberships and blocks that ended and of profiles that changed.',
    ),
  SEND_TIMEOUT_MS: count(10_000).describe(
    'Maximum time from the arrival of a mutation to its response, everything beneath included; then it fails with UNAVAILABLE. All mutations of one document share it. Uploads in multipart requests do not count.',
  ),
  EXECUTION_TIMEOUT_MS: count(15_000).describe(
    'Maximum time from the arrival of a query, or of the opening of a subscription, to its response, and to execute an event of a subscription; then it fails with UNAVAILABLE.',
  ),
  MAX_PENDING_EVENTS: count(10_000).describe(
    'Maximum number of changes of channels that wait for their outcome in this process, of at most 64 MiB together; above it, mutations fail with UNAVAILABLE at once.',
  ),
  DRAIN_MS: integer(0, maxInteger)
    .default(0)
    .describe(
      'Time for which a stopping gateway fails /health before it closes its port: 3000 behind a load balancer.',
    ),
  START_TIMEOUT_MS: count(30_000).describe(
    'Maximum time that a start waits for PostgreSQL, Redis, Kafka and S3, each by itself; then the process ends with code 1.',
  ),
  STOP_TIMEOUT_MS: count(20_000).describe(
    'Maximum time for a stop, besides DRAIN_MS. A part that has not stopped by then is logged and ends with the process, whose exit code is 1.',
  ),
  FLUSH_WINDOW_MS: integer(0, 1_000)
    .default(2)
    .describe(
      'Window in which the frames of a WebSocket are batched into one write. 0 batches only frames of the same event loop turn.',
    ),
  MAX_SOCKET_BUFFER_BYTES: count(1_048_576).describe(
    'Maximum unread bytes per client; above it the socket is closed with 1013, and the client resumes. Backlogs, and a single frame above the limit, do not count.',
  ),
  MAX_NODE_BUFFER_BYTES: count(268_435_456).describe(
    'Maximum unread bytes of all clients of this process; above it signals are dropped, then the slowest clients are closed.',
  ),
  MAX_NODE_RECENT_BYTES: count(134_217_728).describe(
    'Maximum memory for the recent messages of all followed channels of this process, in bytes, about 600 and the text each; above it those of the quietest channels are read from the database.',
  ),
  MAX_NODE_BACKLOG_BYTES: count(134_217_728).describe(
    'Maximum memory for the messages that resuming clients of this process are being sent, in bytes; above it further clients wait for their turn.',
  ),
  SLOW_GUESTS_AFTER: count(3).describe(
    'Number of users of one network who were suspended within a week, from which on that network may add 5 guests an hour. Others of the network can still sign in and register.',
  ),
  AUDIT_DAYS: duration(3_650).default(365).describe('Days for which the audit trail keeps an act of moderation.'),
  MATCH_LEASE_MS: count(15_000).describe(
    'Lifetime of a place in the matching queue unless it is renewed by a subscription or a call of `match`; also that of places which a killed gateway followed.',
  ),
  MATCH_RELAX_MS: count(5_000).describe('How long to wait before matching without a shared tag.'),
  MATCH_ABSENCE_MS: count(30_000).describe(
    'Maximum absence from a match before it ends: time without a connection, or a query or call of `match`.',
  ),
  RETENTION_DAYS: duration(36_500)
    .optional()
    .describe(
      'Days for which messages are kept. Older ones are removed, with everything that belongs to them. Unset: they stay.',
    ),
  MATCH_RETENTION_HOURS: duration(87_600)
    .default(24)
    .describe('Hours for which a match is kept after its end. Then it is removed with its messages and files.'),
  CAUGHT_UP_MS: count(20_000).describe(
    'Time without an update after which the subscription `updates` says that it has caught up, as a sign of life.',
  ),
  PRESENCE_LEASE_MS: count(30_000).describe('How long users of a killed process still count as online.'),
  TYPING_LEASE_MS: count(6_000).describe('How long a member counts as typing after the latest call of `typing`.'),
  RECEIPTS_MAX_MEMBERS: count(100).describe(
    'Maximum number of members of a channel in which the subscription `activity` tells how far each has seen.',
  ),
  GRAVATAR: onOff('off').describe("on: this server fetches users' pictures from Gravatar and caches them."),
  NODE_ENV: word.optional().describe('production: INTROSPECTION and GRAPHIQL are off unless they are set.'),
  INTROSPECTION: oneOf(switches)
    .optional()
    .describe(
      'on: clients may query the schema (__schema, __type) and read it at /schema.graphql, which GraphiQL and code generators need. Unset: on, but off with NODE_ENV=production.',
    ),
  TRUSTED_DOCUMENTS: list
    .optional()
    .describe(
      'Files with documents that clients may name by their id, separated by commas: persisted-documents.json of graphql-codegen, a manifest of Apollo’s generate-persisted-query-manifest, or the file of Relay’s persistConfig. They are read at the start.',
    ),
  TRUSTED_DOCUMENTS_ONLY: onOff('off').describe(
    'on: only these documents and those of the web client run, and GraphiQL is off.',
  ),
  COST_BUDGET_PER_MINUTE: count(100_000).describe(
    'Points that the queries of one user, or of one address without a token, may cost per minute; all users of one address together may spend 25 times as much.',
  ),
  RATE_LIMITS: onOff('on').describe(
    'off: no rates, no budget of cost, and no bounds on connections, their messages and the points of live subscriptions. For load tests.',
  ),
});

/** An environment variable, as the docs show it. */
export interface Setting {
  name: string;
  /** Default value, as written in the environment; empty if the variable is unset by default. */
  fallback: string;
  description: string;
}

/** Lists all environment variables, in the order of the docs. */
export function listSettings(): Setting[] {
  return Object.entries(settings.shape).map(([name, schema]) => ({
    name,
    fallback: toText(schema.parse(undefined)),
    description: schema.description ?? '',
  }));
}

function toText(value: unknown): string {
  return Array.isArray(value) && value.length === 0 ? '' : String(value ?? '');
}

/** Returns the value of a JSON text; the text itself if it is not JSON, so that its schema refuses it. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
