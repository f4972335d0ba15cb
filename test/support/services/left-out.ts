import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Those that need all of the services. */
const filesOverAll = 'test/**/cluster*.test.ts';

/** Suites over a real service: what names a running one, and the programs that start one here. */
const services = [
  {
    name: 'Kafka',
    variable: 'TEST_KAFKA_BROKERS',
    files: 'test/**/*kafka*.test.ts',
    isThere: () =>
      hasProgram('java') && (existsSync(join(homedir(), '.cache', 'parley-kafka', '4.4.0')) || hasProgram('mvn')),
  },
  {
    name: 'Redis',
    variable: 'TEST_REDIS_URL',
    files: 'test/**/*redis*.test.ts',
    isThere: () => hasProgram('redis-server'),
  },
  {
    name: 'PostgreSQL',
    variable: 'TEST_DATABASE_URL',
    files: 'test/**/*postgres*.test.ts',
    isThere: () => existsSync('/usr/lib/postgresql') || hasProgram('pg_config'),
  },
  {
    name: 'S3',
    variable: null,
    files: 'test/**/*s3*.test.ts',
    isThere: () => hasProgram('versitygw') || existsSync(join(homedir(), 'go', 'bin', 'versitygw')),
  },
  {
    name: 'HAProxy',
    variable: null,
    files: filesOverAll,
    isThere: () => hasProgram('haproxy'),
  },
  {
    name: 'OpenSSL',
    variable: null,
    files: 'test/**/tls.test.ts',
    isThere: () => hasProgram('openssl'),
  },
] as const;

/**
 * The test files that cannot run here, for want of a service; one line says so.
 * @throws where `REQUIRE_SERVICES` is set: nothing may be left out
 */
export function filesLeftOut(): string[] {
  const missing = services.filter((one) => !isHad(one));
  if (missing.length === 0) return [];
  const how = missing
    .map(({ name, variable }) => `${name} (install it${variable ? `, or set ${variable}` : ''})`)
    .join(', ');
  const line = `Left out are the suites over real services, for want of ${how}.`;
  if (process.env['REQUIRE_SERVICES']) throw new Error(line);
  console.info(line);
  return [...missing.map(({ files }) => files), filesOverAll];
}

/** Whether tests can have a service here: a running one, or its programs. */
export function hasService(name: (typeof services)[number]['name']): boolean {
  return services.some((one) => one.name === name && isHad(one));
}

function isHad({ variable, isThere }: (typeof services)[number]): boolean {
  return Boolean(variable && process.env[variable]) || isThere();
}

function hasProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => existsSync(join(directory, name)));
}
