import type { Outbox } from '../../api/live/outbox/outboxes.ts';

/** An outbox that gives what it is sent to the test. */
export function createFakeOutbox({ add, send }: Pick<Outbox, 'add' | 'send'>): Outbox {
  return { add, send, end: () => {}, discard: () => {}, isBlocked: () => false, handedBytes: () => 0 };
}
