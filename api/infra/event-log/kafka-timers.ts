import { createRequire } from 'node:module';

/** The part of kafkajs' queue of requests, one for each connection, that schedules its checks of waiting requests. */
interface RequestQueue {
  pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

const requireModule = createRequire(import.meta.url);

/**
 * Patches kafkajs, whose connections set a timer after every response even if no request waits; its delay is negative, so
 * that it fires after a millisecond and sets the next one: 1,000 times a second for each connection, for as long as it is
 * open (kafkajs issues 1751 and 1768, open in 2.2.4). A request that has to wait sets the timer itself. Call it once.
 */
export function scheduleOnlyPendingRequests(): void {
  const { prototype } = requireModule('kafkajs/src/network/requestQueue/index.js') as { prototype: RequestQueue };
  const { scheduleCheckPendingRequests } = prototype;
  prototype.scheduleCheckPendingRequests = function scheduleIfPending(this: RequestQueue): void {
    if (this.pending.length > 0) scheduleCheckPendingRequests.call(this);
  };
}
