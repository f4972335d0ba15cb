import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { ConfigError, readConfig } from '../api/config.ts';
import { listSettings } from '../api/settings.ts';

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
