import { describe, expect, it, vi } from 'vitest';
import { readMapPaths } from '../../api/gateway/multipart/map.ts';

describe('the map of a multipart request', () => {
  it('is read with a number of comparisons that grows with its paths, not with their square', () => {
    const startsWith = vi.spyOn(String.prototype, 'startsWith');
    const has = vi.spyOn(Set.prototype, 'has');
    const count = 2_000;
    const paths = Array.from({ length: count }, (_, n) => `variables.files.${n}`);
    expect(readMapPaths(JSON.stringify({ 0: paths }))).toHaveLength(count);
    const comparisons = startsWith.mock.calls.length + has.mock.calls.length;
    startsWith.mockRestore();
    has.mockRestore();
    expect(comparisons).toBeLessThan(10 * count);
  });

  it('may not place a file into another one', () => {
    for (const inner of ['variables.a.b', 'variables.a.0', 'variables.a.b.c.d'])
      expect(() => readMapPaths(JSON.stringify({ 0: ['variables.a'], 1: [inner] }))).toThrow(/another file/);
    expect(readMapPaths(JSON.stringify({ 0: ['variables.a', 'variables.ab'] }))).toHaveLength(2);
  });
});
