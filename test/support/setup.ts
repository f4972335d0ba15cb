import { afterEach, beforeEach, expect, type MockInstance, vi } from 'vitest';
import { patienceMs } from './patience.ts';

const { waitFor } = vi;
vi.waitFor = (check, options) => {
  const { timeout = 0, interval = 20 } = typeof options === 'number' ? { timeout: options } : (options ?? {});
  return waitFor(check, { interval, timeout: Math.max(timeout, patienceMs) });
};

let errors: MockInstance<typeof console.error>;

beforeEach(() => {
  errors = vi.spyOn(console, 'error');
});

afterEach(() => {
  expect(errors, 'a test must not print errors').not.toHaveBeenCalled();
  errors.mockRestore();
});

// A worker whose run has ended would go on running, with every server that it started.
process.once('disconnect', () => process.exit(1));
