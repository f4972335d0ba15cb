import { afterEach, beforeEach, expect, type MockInstance, vi } from 'vitest';

/** How long what is waited for may take, in milliseconds: Vitest's second is short on a machine that does other things too. */
const patienceMs = 20_000;
const { waitFor } = vi;
vi.waitFor = (check, options) =>
  waitFor(check, typeof options === 'number' ? options : { timeout: patienceMs, ...options });

let errors: MockInstance<typeof console.error>;

beforeEach(() => {
  errors = vi.spyOn(console, 'error');
});

afterEach(() => {
  expect(errors, 'a test is not to print errors').not.toHaveBeenCalled();
  errors.mockRestore();
});

// A worker that its run has left behind would go on, with all that it started.
process.once('disconnect', () => process.exit(1));
