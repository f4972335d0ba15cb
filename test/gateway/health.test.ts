import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { createHealth } from '../../api/gateway/http/health.ts';
import { createProbes } from '../../api/gateway/http/probes.ts';
import { fetchProbe, metricsToken } from '../support/probes.ts';

afterEach(() => vi.useRealTimers());

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

test('requests share the checks of a second, and those that still run', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  let release = () => {};
  const database = vi.fn(() => new Promise<void>((resolve) => (release = resolve)));
  const objects = vi.fn(available);
  const metrics = async () => ({ type: 'text/plain', text: '' });
  const health = createHealth({ ready: { database }, reported: { objects }, metrics, metricsToken });
  const counts = () => [database, objects].map(({ mock }) => mock.calls.length);

  const early = [statusOf(health), statusOf(health)];
  vi.advanceTimersByTime(1_500);
  early.push(statusOf(health));
  release();
  expect([await Promise.all(early), counts()]).toEqual([
    [200, 200, 200],
    [1, 1],
  ]);

  database.mockImplementation(available);
  expect([await statusOf(health), counts()]).toEqual([200, [2, 2]]);
  database.mockImplementation(unavailable);
  vi.advanceTimersByTime(999);
  expect([await statusOf(health), counts()]).toEqual([200, [2, 2]]);
  vi.advanceTimersByTime(1);
  expect([await statusOf(health), await statusOf(health), counts()]).toEqual([503, 503, [3, 3]]);
});

/** Requests `/ready` without a token, and returns the status of the response. */
async function statusOf({ routes }: ReturnType<typeof createHealth>): Promise<number> {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  await routes['/ready']?.(request, response);
  return response.statusCode;
}

test.each([
  ['GET', '/health?x', 200],
  ['HEAD', '/health', 200],
  ['OPTIONS', '/health', 204],
  ['POST', '/health', 405],
  ['GET', '/graphql', 404],
  ['GET', '/%zz', 400],
])('the probes of a process without a gateway follow the rules of HTTP: %s %s is %i', async (method, path, status) => {
  const metrics = async () => ({ type: 'text/plain', text: '' });
  const health = createHealth({ ready: {}, reported: {}, metrics, metricsToken });
  const probes = createProbes({ host: '127.0.0.1', port: 0, health });
  await probes.start();
  const response = await fetch(`http://127.0.0.1:${probes.port()}${path}`, { method });
  expect(response.status).toBe(status);
  if (status === 405)
    expect(await response.text()).toBe('Use GET, HEAD, OPTIONS here; this process has probes alone.\n');
  if (status === 204 || status === 405) expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
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
