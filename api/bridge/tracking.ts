import type { LogPlace } from '../events.ts';
import { int4, int8 } from '../infra/database/types.ts';

/** Parameters of a statement that stores the place of an event. */
export const placeParameters = { partition: int4, offset: int8 };

/** Returns the values of `placeParameters`. */
export function placeOf({ partition, offset }: LogPlace) {
  return { partition, offset: String(offset) };
}

/** SQL expressions of the events that a statement applies to a channel. */
interface TrackedSql {
  partition: string;
  /** Offset of the first event. */
  first: string;
  /** Offset of the last event. */
  last: string;
  /** Whether they change a property of the channel. */
  isChanged: string;
}

const ofOneEvent: TrackedSql = { partition: '$partition', first: '$offset', last: '$offset', isChanged: 'false' };

/**
 * Returns the assignments of an `UPDATE channel` that raises the version by one: they store the place of the events.
 *
 * If the stored version is not the one before, a bridge that stores no places has changed the channel since, or an operator has
 * accepted another log. Then the places of earlier changes are not known, and changes are tracked from this event on.
 * @param table name or alias of the channel's table in the statement
 * @param events expressions that differ from those of one event with `placeParameters` that changes no property
 */
export function assignPlace(table: string, events: Partial<TrackedSql> = {}): string {
  const { partition, first, last, isChanged } = { ...ofOneEvent, ...events };
  const isTracked = `${table}.log_version = ${table}.version AND ${table}.log_partition = ${partition}`;
  return `log_partition = ${partition}, log_offset = ${last}, log_version = ${table}.version + 1,
    tracked_from = CASE WHEN ${isTracked} THEN ${table}.tracked_from ELSE ${first} END,
    tracked_position = CASE WHEN ${isTracked} THEN ${table}.tracked_position ELSE ${table}.position END,
    changed_offset = CASE WHEN ${isChanged} THEN ${last} WHEN ${isTracked} THEN ${table}.changed_offset ELSE ${first} - 1 END`;
}
