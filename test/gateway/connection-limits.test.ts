import { expect, it } from 'vitest';
import { createConnectionLimits } from '../../api/gateway/connection-limits.ts';

it('a refused connection is counted under the bound that refused it, and takes no place', () => {
  const refused: string[] = [];
  const bounds = { node: 3, perAddress: 2, perAddressAnonymous: 1, perUser: 1 };
  const limits = createConnectionLimits(bounds, (limit) => refused.push(limit));

  const [first, second] = [limits.enter('192.0.2.1'), limits.enter('192.0.2.1')];
  expect(limits.enter('192.0.2.1')).toBeNull();
  expect([first?.identify(null), second?.identify(null), second?.identify('ada')]).toEqual([true, false, true]);
  const third = limits.enter('192.0.2.2');
  expect([third?.identify('ada'), limits.enter('192.0.2.3')]).toEqual([false, null]);

  expect(refused).toEqual(['connections-of-address', 'anonymous-connections', 'connections-of-user', 'connections']);
  for (const place of [first, second, third]) place?.release();
  expect(limits.size()).toBe(0);
});
