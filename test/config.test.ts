import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { ConfigError, readConfig } from '../api/config.ts';
import { misspelledSettings } from '../api/misspelled-settings.ts';
import { listSettings } from '../api/settings.ts';
import { welcome } from '../api/welcome.ts';

async function readExample(): Promise<Map<string, string>> {
  const lines = (await readFile('.env.example', 'utf8')).split('\n').filter((line) => /^[A-Z]/.test(line));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

test('.env.example lists every variable with its default', async () => {
  const example = await readExample();

  expect([...example.keys()]).toEqual(listSettings().map(({ name }) => name));
  expect(readConfig(Object.fromEntries(example))).toEqual(readConfig({}));
});

test('every variable is described in .env.example and in the docs', async () => {
  const [example, page] = await Promise.all([readFile('.env.example', 'utf8'), readFile('docs/operations.md', 'utf8')]);

  for (const { name, fallback, description } of listSettings()) {
    expect(description, name).toMatch(/^\S.*\S$/);
    expect(example).toContain(`# ${description}\n${name}=${fallback}\n`);
    expect(page).toMatch(new RegExp(`^\\| \`${name}\` \\|`, 'm'));
    expect(page).toContain(description);
  }
});

test('secrets that only verify are a JSON array, because a secret may contain any character', () => {
  const others = ['a secret, with a comma and "quotes" in it', 'x'.repeat(32)];

  expect(readConfig({}).JWT_OTHER_SECRETS).toEqual([]);
  expect(readConfig({ JWT_OTHER_SECRETS: JSON.stringify(others) }).JWT_OTHER_SECRETS).toEqual(others);
  for (const wrong of ['x'.repeat(40), '["short"]', '"a"', '[', '[1]'])
    expect(() => readConfig({ JWT_OTHER_SECRETS: wrong })).toThrow('JWT_OTHER_SECRETS');
});

test('a token may not outlive its session', () => {
  const hour = { TOKEN_TTL_SECONDS: '3600' };
  expect(() => readConfig({ ...hour, REFRESH_TTL_DAYS: '0.04' })).toThrow('REFRESH_TTL_DAYS');
  expect(readConfig({ ...hour, REFRESH_TTL_DAYS: '0.05' }).REFRESH_TTL_DAYS).toBe(0.05);
});

test('one error names all invalid variables', () => {
  const wrong = { PORT: 'high', JWT_SECRET: 'short', GRAVATAR: 'perhaps', MAX_REPLAY: '-1' };

  expect(() => readConfig(wrong)).toThrow(ConfigError);
  expect(() => readConfig(wrong)).toThrow(/PORT.*\n.*|JWT_SECRET/);
  for (const name of Object.keys(wrong)) expect(() => readConfig(wrong)).toThrow(name);
});

test.each([
  [{ SERVICES: 'bridge' }, ['DATABASE_URL', 'REDIS_URL', 'KAFKA_BROKERS']],
  [{ SERVICES: 'gateway,gateway' }, ['DATABASE_URL', 'REDIS_URL', 'KAFKA_BROKERS']],
  [{ DATABASE_URL: 'postgresql://localhost/parley' }, ['KAFKA_BROKERS', 'REDIS_URL', 'JWT_SECRET']],
  [{ S3_PUBLIC_ENDPOINT: 'http://localhost:7070' }, ['S3_BUCKET']],
  [{ TLS_CERT_FILE: 'cert.pem' }, ['TLS_KEY_FILE']],
  [{ SERVICES: 'gateway,cook' }, ['SERVICES']],
  [{ REDIS_URL: 'redis://a, http://b' }, ['REDIS_URL']],
  [{ SET_ASIDE_RECORDS: '3:17,18' }, ['SET_ASIDE_RECORDS']],
  [{ SET_ASIDE_RECORDS: '3:20-17' }, ['SET_ASIDE_RECORDS: must name the lower offset of a range first']],
  [{ MAX_LIVE_POINTS: '0' }, ['MAX_LIVE_POINTS: must be a whole number from 1 to 2147483646']],
  [{ MATCH_RETENTION_HOURS: '-1' }, ['MATCH_RETENTION_HOURS: must be a number above 0 and at most 87600']],
])('the error about conflicting or incomplete settings names the variables: %o', (wrong, names) => {
  for (const name of names) expect(() => readConfig(wrong)).toThrow(name);
});

test('GraphiQL is on, but off in production unless it is asked for', () => {
  const read = (environment: Record<string, string>) => readConfig(environment).GRAPHIQL;
  expect(read({})).toBe('on');
  expect(read({ NODE_ENV: 'production' })).toBe('off');
  expect(read({ NODE_ENV: 'production', GRAPHIQL: 'on' })).toBe('on');
});

test('GraphiQL is off where only trusted documents run', () => {
  expect(readConfig({ TRUSTED_DOCUMENTS_ONLY: 'on' }).GRAPHIQL).toBe('off');
  expect(() => readConfig({ TRUSTED_DOCUMENTS_ONLY: 'on', GRAPHIQL: 'on' })).toThrow('GRAPHIQL: must not be on');
});

test('records to set aside are a partition with an offset or a range of offsets', () => {
  expect(readConfig({}).SET_ASIDE_RECORDS).toEqual([]);
  expect(readConfig({ SET_ASIDE_RECORDS: '0:7, 3:17-20' }).SET_ASIDE_RECORDS).toEqual([
    { partition: 0, first: 7n, last: 7n },
    { partition: 3, first: 17n, last: 20n },
  ]);
});

test('lists are separated by commas', () => {
  const environment = { SERVICES: 'gateway', KAFKA_BROKERS: 'a:9092,b:9092', REDIS_URL: 'redis://a, redis://b' };
  const shared = { DATABASE_URL: 'postgresql://localhost/parley', JWT_SECRET: 'x'.repeat(32) };
  expect(readConfig({ ...environment, ...shared })).toMatchObject({
    SERVICES: ['gateway'],
    KAFKA_BROKERS: ['a:9092', 'b:9092'],
    REDIS_URL: ['redis://a', 'redis://b'],
  });
});

const cluster = { KAFKA_BROKERS: 'a', REDIS_URL: 'redis://a', JWT_SECRET: 'x'.repeat(32) };
const bucket = { S3_BUCKET: 'files', S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'key' };

test.each([
  ['PORT', ' 4000 ', 4000],
  ['PORT', '   ', 4000],
  ['HOST', '::', '::'],
  ['HOST', '[::]', '::'],
  ['HOST', ' 127.0.0.1 ', '127.0.0.1'],
  ['HOST', 'fe80::1%eth0', 'fe80::1%eth0'],
  ['HOST', 'localhost', 'localhost'],
  ['HOST', 'chat_1.example.org.', 'chat_1.example.org.'],
  ['PUBLIC_URL', 'https://x.org/', 'https://x.org'],
  ['PUBLIC_URL', ' HTTPS://X.org:443 ', 'https://x.org'],
  ['PUBLIC_URL', 'https://münchen.de', 'https://xn--mnchen-3ya.de'],
  ['PUBLIC_URL', 'http://[::1]:4000/', 'http://[::1]:4000'],
  ['ALLOWED_ORIGINS', 'HTTPS://X.org:443/, http://y.org:80 ,,', ['https://x.org', 'http://y.org']],
  ['ALLOWED_ORIGINS', 'https://münchen.de', ['https://xn--mnchen-3ya.de']],
  [
    'ALLOWED_ORIGINS',
    'http://[::1]:3000, app://-, Capacitor://localhost',
    ['http://[::1]:3000', 'app://-', 'capacitor://localhost'],
  ],
  ['ALLOWED_ORIGINS', '*', ['*']],
  ['REDIS_URL', 'redis://:p%40%2C@[::1]:6379/2,', ['redis://:p%40%2C@[::1]:6379/2']],
  ['DATABASE_URL', 'postgresql://u:p@ss@[::1]:5432/d', 'postgresql://u:p@ss@[::1]:5432/d'],
  ['DATABASE_URL', 'postgresql:///d?host=/var/run/postgresql', 'postgresql:///d?host=/var/run/postgresql'],
  ['DATABASE_URL', 'postgresql://%2Fvar%2Frun%2Fpostgresql/d', 'postgresql://%2Fvar%2Frun%2Fpostgresql/d'],
  ['KAFKA_BROKERS', 'a, b:9093,, [::1]:9094', ['a:9092', 'b:9093', '[::1]:9094']],
  ['S3_ENDPOINT', 'https://s3.example.org/', 'https://s3.example.org'],
  ['S3_ENDPOINT', 'https://example.org/storage/s3', 'https://example.org/storage/s3'],
  ['SERVICES', 'Gateway, bridge,', ['gateway', 'bridge']],
  ['LOG_LEVEL', 'INFO', 'info'],
  ['RATE_LIMITS', ' Off', 'off'],
  ['TRUST_PROXY', '10.0.0.0/8, ::1', '10.0.0.0/8, ::1'],
  ['REFRESH_TTL_DAYS', '0.5', 0.5],
  ['DATA_DIR', ' ', './data'],
])('%s=%j is read as %j', (name, text, value) => {
  const config: Record<string, unknown> = readConfig({ ...cluster, ...bucket, [name]: text });
  expect(config[name]).toEqual(value);
});

const wrong: Record<string, string[]> = {
  PORT: [
    'abc',
    '4000.5',
    '1e3',
    '0x10',
    '-1',
    '+80',
    '080',
    '65536',
    'NaN',
    'Infinity',
    '4_000',
    '4,000',
    '٤٠٠٠',
    '/tmp/socket',
  ],
  HOST: [
    '127.0.0.1:4000',
    'localhost:4000',
    '[::1]:80',
    'http://localhost',
    '*',
    '0',
    '127.1',
    '0x7f.1',
    '1.2.3.256',
    'a b',
    '/tmp/s',
    '-a',
    '[a]',
    '::1%',
  ],
  PUBLIC_URL: [
    'x.org',
    'x.org:4000',
    'localhost:4000',
    'ftp://x.org',
    'ws://x.org',
    'javascript:alert(1)',
    'https:x.org',
    'https:\\\\x.org',
    'https://',
    'https://x.org:99999',
    'http://::1:4000',
    'https://x.org/?a=1',
    'https://x.org/?',
    'https://x.org#f',
    'https://x.org/chat',
    'https://x.org//',
    'https://u:hush@x.org',
    'https://*.x.org',
    'https://x.org,https://y.org',
    '"https://x.org"',
  ],
  ALLOWED_ORIGINS: [
    'null',
    'x.org',
    'https://x.org/app',
    'https://x.org?x',
    'https://u@x.org',
    'https://*.x.org',
    'https://*',
    'http://x.org:*',
    'https://x.org:99999',
    'file://',
    'ws://x.org',
    'https://x.org https://y.org',
    ',',
  ],
  REDIS_URL: [
    'h:6379',
    'redis://',
    'redis:///tmp/redis.sock',
    'unix:///tmp/r',
    'redis://h:99999',
    'redis://h/queue',
    'redis://:hu#sh@h',
    'redis://:hu,sh@h',
    'redis://:hush%zz@h',
    ',',
  ],
  DATABASE_URL: [
    'mysql://h/d',
    'host=h dbname=d',
    'postgresql://',
    'postgresql:/d',
    'postgresql:///d',
    'postgresql://h1,h2/d',
    'postgresql://u:hu#sh@h/d',
    'postgresql://u:hu/sh@h/d',
    'postgresql://u:hush@h:abc/d',
  ],
  KAFKA_BROKERS: [
    '::1:9092',
    'PLAINTEXT://a:9092',
    'a:0',
    'a:abc',
    'a:99999',
    'a b:9092',
    'a:9092;b:9092',
    'a:9092/',
    ':9092',
    ',',
  ],
  S3_ENDPOINT: ['s3.example.org', 'ftp://h', 'https://h?x=1', 'https://h#x', 'https://u:hush@h'],
  MAX_UPLOAD_BYTES: ['100MB', '100 MB', '1e6', '0', '2147483647'],
  MAX_USER_FILES_BYTES: ['9007199254740993'],
  REFRESH_TTL_DAYS: ['30d', '1e1', '0x10', '0', '-1', '.5', '99999'],
  GRAPHIQL: ['true', '1', 'yes'],
  LOG_LEVEL: ['verbose'],
  TRUST_PROXY: ['true', '100', '127.1', '10.0.0.0/33'],
  METRICS_TOKEN: ['hush', 'a hush with spaces', 'a-hush-with-ümlaut'],
  JWT_SECRET: ['hush'],
  JWT_OTHER_SECRETS: ['["hush"]', 'hush'],
};

test.each(Object.entries(wrong).flatMap(([name, texts]) => texts.map((text) => [name, text] as const)))(
  '%s=%j is refused by one line that names the variable, not its value',
  (name, text) => {
    const message = catchMessage(() => readConfig({ ...cluster, ...bucket, [name]: text }));
    const lines = message.split('\n').slice(1);
    expect(lines).toEqual([expect.stringMatching(new RegExp(`^  ${name}: must `))]);
    expect(message).not.toMatch(/hu.?sh/);
  },
);

function catchMessage(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

test('a variable that looks like a setting is named with the setting that was meant', () => {
  const environment = {
    PUBLICURL: '',
    trust_proxy: '1',
    LOG_LEVL: 'info',
    KAFKA_BROKER: 'a',
    REDIS_URI: 'redis://a',
    REDIS_URL: 'redis://a',
    HOME: '/root',
    PATH: '/bin',
    NODE_PATH: '/lib',
    TEST_DATABASE_URL: 'postgresql://a/b',
    MAX_REPLAYS: '1',
  };
  expect(misspelledSettings(environment)).toEqual([
    { name: 'PUBLICURL', meant: 'PUBLIC_URL' },
    { name: 'trust_proxy', meant: 'TRUST_PROXY' },
    { name: 'LOG_LEVL', meant: 'LOG_LEVEL' },
    { name: 'KAFKA_BROKER', meant: 'KAFKA_BROKERS' },
    { name: 'MAX_REPLAYS', meant: 'MAX_REPLAY' },
  ]);
  expect(misspelledSettings(Object.fromEntries(listSettings().map(({ name }) => [name, ''])))).toEqual([]);
});

test.each([
  [{}, 'http://localhost:4000'],
  [{ HOST: '::' }, 'http://localhost:4000'],
  [{ HOST: '127.0.0.1' }, 'http://localhost:4000'],
  [{ HOST: '[::1]' }, 'http://[::1]:4000'],
  [{ HOST: '192.0.2.7' }, 'http://192.0.2.7:4000'],
  [{ HOST: 'chat.example.org' }, 'http://chat.example.org:4000'],
  [{ TLS_CERT_FILE: 'cert.pem', TLS_KEY_FILE: 'key.pem' }, 'https://localhost:4000'],
  [{ PUBLIC_URL: 'https://chat.example.org/' }, 'https://chat.example.org'],
])('with %o a started process prints a URL that leads to it', (environment, url) => {
  expect(welcome(readConfig(environment), 4_000)).toBe(`Parley is ready at ${url} (GraphiQL at ${url}/graphql).`);
  const bridge = { ...cluster, DATABASE_URL: 'postgresql://a/b', SERVICES: 'bridge', HOST: '::1' };
  expect(welcome(readConfig(bridge), 4_000)).toContain('http://[::1]:4000/ready');
});
