import { expect, it } from 'vitest';
import { createOwnSignals } from '../../api/ephemeral/own-signal.ts';

it('aborts the present signal with the given one, and leaves those of before', () => {
  const given = new AbortController();
  const next = createOwnSignals(given.signal);
  const [first, second] = [next(), next()];
  given.abort();
  expect([first.aborted, second.aborted, next().aborted]).toEqual([false, true, true]);
});
