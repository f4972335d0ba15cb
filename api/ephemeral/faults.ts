import { setTimeout as delay } from 'node:timers/promises';
import {
  ConflictError,
  type ErrorCode,
  ForbiddenError,
  NotFoundError,
  type ParleyError,
  RateLimitedError,
  UnauthenticatedError,
  UnavailableError,
} from '../errors.ts';
import type { BegunOperation } from '../gateway/graphql/cost.ts';
import { ignore } from '../ignore.ts';

/** A fault of operations. */
export interface Fault {
  /** Name of the operation, or of a field at its root; null: every operation. */
  operation: string | null;
  /** Milliseconds by which operations are delayed. */
  delayMs: number;
  /** Code with which they fail; null: they are only delayed. */
  code: FaultCode | null;
  /** Number of operations that are still affected; null: all until the faults are cleared. */
  times: number | null;
  /** Value of `retryAfterMs` in the error `RATE_LIMITED`. */
  retryAfterMs: number;
}

const message = 'This failure was ordered at the control address.';

const errors = {
  UNAVAILABLE: () => new UnavailableError(message),
  RATE_LIMITED: ({ retryAfterMs }: Fault) => new RateLimitedError(message, retryAfterMs),
  UNAUTHENTICATED: () => new UnauthenticatedError(message),
  FORBIDDEN: () => new ForbiddenError(message),
  NOT_FOUND: () => new NotFoundError(message),
  CONFLICT: () => new ConflictError(message),
} satisfies Partial<Record<ErrorCode, (fault: Fault) => ParleyError>>;

/** Codes that a fault can have. */
export const faultCodes = Object.keys(errors) as FaultCode[];

export type FaultCode = keyof typeof errors;

/** Maximum number of faults at a time. */
export const maxFaults = 1_000;

/** Creates the faults of operations. Each affects the operations that begin later, before they do anything. */
export function createFaults() {
  const faults: Fault[] = [];
  let cleared = new AbortController();

  return {
    /** Adds a fault. A delay replaces the one that the same operation has; one of 0 ms only ends that. */
    add(fault: Fault): void {
      if (fault.code === null) remove(faults.find((one) => one.code === null && one.operation === fault.operation));
      if (fault.code !== null || fault.delayMs > 0) faults.push({ ...fault });
    },
    list: (): readonly Fault[] => faults,
    /** Ends all faults. Operations that they delay go on. */
    clear(): void {
      faults.splice(0);
      cleared.abort();
      cleared = new AbortController();
    },
    /** Delays an operation as long as its faults say. @throws ParleyError if one of them lets it fail */
    async beforeOperation(operation: BegunOperation): Promise<void> {
      const due = faults.filter((fault) => isAffected(fault, operation));
      const slow = due.filter(({ code }) => code === null);
      // Failures are counted one by one: "the next two" and then "the next one" are three.
      const failure = due.find(({ code }) => code !== null);
      const taken = failure ? [...slow, failure] : slow;
      for (const fault of taken) count(fault);
      const delayMs = taken.reduce((sum, fault) => sum + fault.delayMs, 0);
      if (delayMs > 0) await delay(delayMs, undefined, { signal: AbortSignal.any([cleared.signal]) }).catch(ignore);
      if (failure?.code) throw errors[failure.code](failure);
    },
  };

  function count(fault: Fault): void {
    if (fault.times === null) return;
    fault.times--;
    if (fault.times === 0) remove(fault);
  }

  function remove(fault: Fault | undefined): void {
    if (fault) faults.splice(faults.indexOf(fault), 1);
  }
}

function isAffected({ operation }: Fault, { name, fields }: BegunOperation): boolean {
  return operation === null || operation === name || fields.includes(operation);
}
