import { expect, test } from 'vitest';
import { createHealth } from '../../api/gateway/http/health.ts';
import { createProbes } from '../../api/gateway/http/probes.ts';

const here = async () => {};
const away = () => Promise.reject(new Error('away'));

test.each([
  ['everything answers', here, here, 200, 'ok'],
  ['what it needs is away', away, here, 503, 'unavailable'],
  ['what is only reported is away', here, away, 200, 'ok'],
] as const)('a process is ready or not: %s', async (_, database, objects, code, status) => {
  const metrics = async () => ({ type: 'text/plain', text: '' });
  const health = createHealth({ ready: { database }, reported: { objects }, metrics });
  const probes = createProbes({ host: '127.0.0.1', port: 0, health });
  await probes.start();
  const answer = await fetch(`http://127.0.0.1:${probes.port()}/ready`);
  const word = (check: () => Promise<void>) => (check === here ? 'ok' : 'away');
  expect(answer.status).toBe(code);
  expect(await answer.json()).toEqual({ status, ports: { database: word(database), objects: word(objects) } });
  await probes.stop();
});
