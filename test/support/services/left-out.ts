import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { kafkaCache } from './kafka-jars.ts';

/** A real service that suites want. */
interface Service {
  name: string;
  /** Names a running server, or may have one in a container. */
  variable: string | null;
  /** What a test file says that takes a server of any origin. */
  shared: RegExp | null;
  /** What a test file says that starts a server of its own, to do to it what it likes: that takes the programs. */
  own: RegExp;
  /** Whether its programs are here. */
  isThere(): boolean;
}

const services: readonly Service[] = [
  {
    name: 'Kafka',
    variable: 'TEST_KAFKA_BROKERS',
    shared: /\bsharedKafka\(/,
    own: /\bstartOwnKafkas?\(/,
    isThere: () => hasProgram('java') && (existsSync(kafkaCache) || hasProgram('mvn')),
  },
  {
    name: 'Redis',
    variable: 'TEST_REDIS_URL',
    shared: /\bsharedRedis\(/,
    own: /\bstartOwnRedis\(/,
    isThere: () => hasProgram('redis-server'),
  },
  {
    name: 'PostgreSQL',
    variable: 'TEST_DATABASE_URL',
    shared: /\bcreateSharedDatabase\(/,
    own: /\b(startOwnPostgres|dumpDatabase)\(/,
    isThere: () => (findInitdb() !== null || hasProgram('initdb')) && hasProgram('openssl'),
  },
  {
    name: 'S3',
    variable: 'TEST_S3_ENDPOINT',
    shared: /\bsharedS3\(/,
    own: /\bstartOwnS3\(/,
    isThere: () => hasProgram('versitygw') || existsSync(join(homedir(), 'go', 'bin', 'versitygw')),
  },
  {
    name: 'HAProxy',
    variable: null,
    shared: null,
    own: /\bstartBalancer\(/,
    isThere: () => hasProgram('haproxy') || existsSync('/usr/sbin/haproxy'),
  },
  {
    name: 'OpenSSL',
    variable: null,
    shared: null,
    own: /\bmakeCertificate\(/,
    isThere: () => hasProgram('openssl'),
  },
];

/**
 * The test files that cannot run here, for want of a service that they name; one line says so.
 * @throws where `REQUIRE_SERVICES` is set: nothing may be left out
 */
export function filesLeftOut(): string[] {
  const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => join('test', file));
  const wants = files.map((file) => ({ file, missing: missingFor(readFileSync(file, 'utf8')) }));
  const leftOut = wants.filter(({ missing }) => missing.length > 0);
  if (leftOut.length === 0) return [];
  const names = [...new Set(leftOut.flatMap(({ missing }) => missing))].join(', ');
  const line = `${leftOut.length} suites are left out, for want of ${names}: install them, or see in docs/testing.md what else will do.`;
  if (process.env['REQUIRE_SERVICES']) throw new Error(line);
  console.info(line);
  return leftOut.map(({ file }) => file);
}

/** Whether tests can have a server of a service here: a running one, one in a container, or its programs. */
export function hasService(name: string): boolean {
  return services.some((one) => one.name === name && isHad(one));
}

let docker: boolean | undefined;

/** Whether a Docker engine answers. */
export function hasDocker(): boolean {
  docker ??= spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 10_000 }).status === 0;
  return docker;
}

/** Where Debian keeps the programs of PostgreSQL's server, of the newest version; null where it has none. */
export function findInitdb(): string | null {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).map(Number) : [];
  const bins = versions.sort((a, b) => b - a).map((version) => join(root, String(version), 'bin'));
  return bins.find((bin) => existsSync(join(bin, 'initdb'))) ?? null;
}

function missingFor(text: string): string[] {
  return services.flatMap((one) => {
    const { name, shared, own, isThere } = one;
    const isMissing = (own.test(text) && !isThere()) || (shared?.test(text) && !isHad(one));
    return isMissing ? [name] : [];
  });
}

function isHad({ variable, isThere }: Service): boolean {
  return (variable !== null && (Boolean(process.env[variable]) || hasDocker())) || isThere();
}

function hasProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => existsSync(join(directory, name)));
}
