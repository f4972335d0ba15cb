import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { kafkaCache } from './kafka-jars.ts';

/** Service that suites need. */
interface Service {
  name: string;
  /** Environment variable with the address of a running server; null if the service runs from local programs only. */
  variable: string | null;
  /** Matches test files that share a server, however it is provided. */
  shared: RegExp | null;
  /** Matches test files that start their own server, which needs the service's programs. */
  own: RegExp;
  /** Whether the service's programs are installed. */
  isInstalled(): boolean;
}

const services: readonly Service[] = [
  {
    name: 'Kafka',
    variable: 'TEST_KAFKA_BROKERS',
    shared: /\bsharedKafka\(/,
    own: /\bstartOwnKafkas?\(/,
    isInstalled: () => hasProgram('java') && (existsSync(kafkaCache) || hasProgram('mvn')),
  },
  {
    name: 'Redis',
    variable: 'TEST_REDIS_URL',
    shared: /\bsharedRedis\(/,
    own: /\bstartOwnRedis\(/,
    isInstalled: () => hasProgram('redis-server'),
  },
  {
    name: 'PostgreSQL',
    variable: 'TEST_DATABASE_URL',
    shared: /\bcreateSharedDatabase\(/,
    own: /\b(startOwnPostgres|dumpDatabase)\(/,
    isInstalled: () => (findInitdb() !== null || hasProgram('initdb')) && hasProgram('openssl'),
  },
  {
    name: 'S3',
    variable: 'TEST_S3_ENDPOINT',
    shared: /\bsharedS3\(/,
    own: /\bstartOwnS3\(/,
    isInstalled: () => hasProgram('versitygw') || existsSync(join(homedir(), 'go', 'bin', 'versitygw')),
  },
  {
    name: 'HAProxy',
    variable: null,
    shared: null,
    own: /\bstartBalancer\(/,
    isInstalled: () => hasProgram('haproxy') || existsSync('/usr/sbin/haproxy'),
  },
  {
    name: 'a Java compiler',
    variable: null,
    shared: null,
    own: /\bcompileJava\(/,
    isInstalled: () => hasProgram('javac') && hasProgram('mvn') && hasProgram('curl'),
  },
  {
    name: 'OpenSSL',
    variable: null,
    shared: null,
    own: /\bmakeCertificate\(/,
    isInstalled: () => hasProgram('openssl'),
  },
];

/**
 * Lists the test files that cannot run on this machine because a service is missing, and prints one line about them.
 * @throws if `REQUIRE_SERVICES` is set and a file would be left out
 */
export function filesLeftOut(): string[] {
  const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => join('test', file));
  const needs = files.map((file) => ({ file, missing: missingFor(readFileSync(file, 'utf8')) }));
  const leftOut = needs.filter(({ missing }) => missing.length > 0);
  if (leftOut.length === 0) return [];
  const names = [...new Set(leftOut.flatMap(({ missing }) => missing))].join(', ');
  const line = `${leftOut.length} suites are left out because ${names} is missing. Install it, or see docs/testing.md for alternatives.`;
  if (process.env['REQUIRE_SERVICES']) throw new Error(line);
  console.info(line);
  return leftOut.map(({ file }) => file);
}

/** Whether a service is available to tests: as a running server, in a container, or by its programs. */
export function hasService(name: string): boolean {
  return services.some((one) => one.name === name && isAvailable(one));
}

let docker: boolean | undefined;

/** Whether a Docker engine is running. */
export function hasDocker(): boolean {
  docker ??= spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 30_000 }).status === 0;
  return docker;
}

/** Returns Debian's directory of the newest PostgreSQL server programs, or null if there is none. */
export function findInitdb(): string | null {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).map(Number) : [];
  const bins = versions.sort((a, b) => b - a).map((version) => join(root, String(version), 'bin'));
  return bins.find((bin) => existsSync(join(bin, 'initdb'))) ?? null;
}

function missingFor(text: string): string[] {
  return services.flatMap((one) => {
    const { name, shared, own, isInstalled } = one;
    const isMissing = (own.test(text) && !isInstalled()) || (shared?.test(text) && !isAvailable(one));
    return isMissing ? [name] : [];
  });
}

function isAvailable({ variable, isInstalled }: Service): boolean {
  return (variable !== null && (Boolean(process.env[variable]) || hasDocker())) || isInstalled();
}

function hasProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => existsSync(join(directory, name)));
}
