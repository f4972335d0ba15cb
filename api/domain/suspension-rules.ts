import { SuspendedError } from '../errors.ts';

/** Facts about a user's suspension. */
export interface SuspensionFacts {
  /** Beginning; null if the user is not suspended. */
  suspendedAt: Date | null;
  /** End; null if it has none. */
  suspendedUntil: Date | null;
}

/** Returns whether a user is suspended at a moment, in epoch milliseconds. A suspension ends by itself. */
export function isSuspended({ suspendedAt, suspendedUntil }: SuspensionFacts, now: number): boolean {
  return suspendedAt !== null && (suspendedUntil === null || suspendedUntil.getTime() > now);
}

/** Throws the error that a suspended user gets who signs in. @throws SuspendedError if the user is suspended now */
export function refuseSuspended(user: SuspensionFacts, now = Date.now()): void {
  if (isSuspended(user, now)) throw new SuspendedError(user.suspendedUntil);
}

/** Condition in SQL for a user `u` who is not suspended at the time `$at`: the same rule as `isSuspended`. */
export const notSuspended = '(u.suspended_at IS NULL OR coalesce(u.suspended_until <= $at, false))';
