import type { Outcome, Rejection } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import type { Changeset } from './changeset.ts';
import type { EventContext } from './event-context.ts';

/** Everything that applying one event needs: the rows that decide, and where its changes go. */
export interface ChangeContext extends EventContext {
  query: Query;
  changeset: Changeset;
}

/** Outcome of an event that has no entry, or that changed nothing. */
export const done: Outcome = { applied: true, entry: null };

/** Returns the outcome of an event that is not applied. */
export function rejected(rejection: Rejection): Outcome {
  return { applied: false, rejection };
}
