import type { Outbox } from '../../api/live/outbox/outboxes.ts';

/** Returns an outbox that passes its frames to the functions of a test. */
export function createFakeOutbox({ add, send }: Pick<Outbox, 'add' | 'send'>): Outbox {
  return { add, send, end: () => {}, discard: () => {}, isBlocked: () => false, writtenBytes: () => 0 };
}
