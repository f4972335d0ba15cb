import { afterEach, beforeEach, expect, type MockInstance, vi } from 'vitest';

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
