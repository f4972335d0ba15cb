import { expect, test } from 'vitest';
import { createHealth } from '../../api/gateway/http/health.ts';
import { createProbes } from '../../api/gateway/http/probes.ts';
import { fetchProbe, metricsToken } from '../support/probes.ts';

const available = async () => {};
const unavailable = () => Promise.reject(new Error('unavailable'));

test.each([
  ['every port is available', available, available, 200, 'ok'],
  ['a required port is unavailable', unavailable, available, 503, 'unavailable'],
  ['an optional port is unavailable', available, unavailable, 200, 'ok'],
] as const)('the readiness of a process if %s', async (_, database, objects, code, status) => {
  const metrics = async () => ({ type: 'text/plain', text: '' });
  const health = createHealth({ ready: { database }, reported: { objects }, metrics, metricsToken });
  const probes = createProbes({ host: '127.0.0.1', port: 0, health });
  await probes.start();
  const response = await fetchProbe(`http://127.0.0.1:${probes.port()}`, 'ready');
  const word = (check: () => Promise<void>) => (check === available ? 'ok' : 'away');
  expect(response.status).toBe(code);
  expect(await response.json()).toEqual({ status, ports: { database: word(database), objects: word(objects) } });
  await probes.stop();
});

test('metrics, and the services behind the readiness, need the token', async () => {
  const metrics = async () => ({ type: 'text/plain', text: 'a 1' });
  for (const token of [metricsToken, null]) {
    const health = createHealth({ ready: { database: available }, reported: {}, metrics, metricsToken: token });
    const probes = createProbes({ host: '127.0.0.1', port: 0, health });
    await probes.start();
    const url = `http://127.0.0.1:${probes.port()}`;
    expect(await (await fetch(`${url}/ready`)).json()).toEqual({ status: 'ok' });
    for (const authorization of ['', 'Bearer', 'Bearer wrong', `Basic ${metricsToken}`])
      expect((await fetch(`${url}/metrics`, { headers: { authorization } })).status).toBe(401);
    expect((await fetchProbe(url, 'metrics')).status).toBe(token === null ? 401 : 200);
    await probes.stop();
  }
});
