import { expect, test } from 'vitest';
import { createHealth } from '../../api/gateway/http/health.ts';
import { createProbes } from '../../api/gateway/http/probes.ts';

const available = async () => {};
const unavailable = () => Promise.reject(new Error('unavailable'));

test.each([
  ['every port is available', available, available, 200, 'ok'],
  ['a required port is unavailable', unavailable, available, 503, 'unavailable'],
  ['an optional port is unavailable', available, unavailable, 200, 'ok'],
] as const)('the readiness of a process if %s', async (_, database, objects, code, status) => {
  const metrics = async () => ({ type: 'text/plain', text: '' });
  const health = createHealth({ ready: { database }, reported: { objects }, metrics });
  const probes = createProbes({ host: '127.0.0.1', port: 0, health });
  await probes.start();
  const response = await fetch(`http://127.0.0.1:${probes.port()}/ready`);
  const word = (check: () => Promise<void>) => (check === available ? 'ok' : 'away');
  expect(response.status).toBe(code);
  expect(await response.json()).toEqual({ status, ports: { database: word(database), objects: word(objects) } });
  await probes.stop();
});
