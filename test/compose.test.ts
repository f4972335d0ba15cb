import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../api/config.ts';
import { listSettings } from '../api/settings.ts';

interface Service {
  image?: string;
  build?: string;
  environment?: Record<string, string | number>;
  healthcheck?: object;
  volumes?: string[];
  depends_on?: object;
}

const text = await readFile('docker-compose.yml', 'utf8');
const compose = parse(text, { merge: true }) as { services: Record<string, Service>; volumes: object };
const own = Object.entries(compose.services).filter(([, { build }]) => build !== undefined);

/** Replaces variables as Compose does. */
function interpolate(value: string | number): string {
  return String(value)
    .replace(/\$\{\w+:-([^}]*)\}/g, '$1')
    .replace(/\$\{JWT_SECRET:\?[^}]*\}/g, 'x'.repeat(32))
    .replace(/\$\{(?:POSTGRES_PASSWORD|S3_SECRET_ACCESS_KEY):\?[^}]*\}/g, 'secret');
}

test('the compose file conforms to the specification', async () => {
  const schema = JSON.parse(await readFile('test/support/compose-spec.json', 'utf8'));
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
  validate(compose);
  expect(validate.errors ?? []).toEqual([]);
});

test('its variables start two gateways and two bridges', () => {
  const variables = listSettings().map(({ name }) => name);
  const processes = own.map(([name, { environment = {} }]) => {
    for (const variable of Object.keys(environment)) expect(variables, `${name} names it`).toContain(variable);
    const given = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, interpolate(value)]));
    return readConfig(given).SERVICES.join();
  });
  expect(processes.sort()).toEqual(['bridge', 'bridge', 'gateway', 'gateway']);
});

test('it contains no secrets, and requires them as variables', () => {
  expect(text).toMatch(/\$\{JWT_SECRET:\?/);
  for (const { environment = {} } of Object.values(compose.services))
    for (const [name, value] of Object.entries(environment))
      if (/SECRET|PASSWORD/.test(name)) expect(String(value)).toMatch(/^\$\{\w+:\?/);
});

test('its services have health checks, and volumes for their data', () => {
  const { postgres, kafka, redis, files } = compose.services;
  for (const service of [postgres, kafka, redis, files]) expect(service?.healthcheck).toBeDefined();
  for (const service of [postgres, kafka, files]) expect(service?.volumes).toHaveLength(1);
  expect(Object.keys(compose.volumes).sort()).toEqual(['files', 'kafka', 'postgres']);
});

test('the image does not run as root, and has an init process that forwards signals', async () => {
  const dockerfile = await readFile('Dockerfile', 'utf8');
  expect(dockerfile).toMatch(/^USER node$/m);
  expect(dockerfile).toContain(
    'ENTRYPOINT ["tini", "--", "node", "--enable-source-maps", "--max-semi-space-size=32", "dist/api/main.js"]',
  );
});
