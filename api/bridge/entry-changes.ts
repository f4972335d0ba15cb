import type { Entry, LogPlace } from '../events.ts';
import { entryColumns, toEntry } from '../infra/database/entries.ts';
import type { Row } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, int4, int8, uuid } from '../infra/database/types.ts';
import { addEntry, addHead, type Changeset } from './changeset.ts';
import { assignPlace } from './tracking.ts';

/** An entry that changes, and the place in the log of the change. */
export interface EntryChange {
  id: string;
  channelId: string;
  place: LogPlace;
}

/** Parameters of a statement of `sqlForChanges`. */
export const changeParameters = {
  ids: arrayOf(uuid),
  channelIds: arrayOf(uuid),
  partitions: arrayOf(int4),
  offsets: arrayOf(int8),
};

/** Row of a statement of `sqlForChanges`: an entry in its new state, and its channel's version and newest seq. */
export const changedRow = {
  ...entryColumns.row,
  version: tables.channel.columns.version,
  channelSeq: tables.channel.columns.seq,
};

/** Returns the values of `changeParameters`. */
export function changesOf(changes: readonly EntryChange[]) {
  return {
    ids: changes.map(({ id }) => id),
    channelIds: changes.map(({ channelId }) => channelId),
    partitions: changes.map(({ place }) => place.partition),
    offsets: changes.map(({ place }) => String(place.offset)),
  };
}

/**
 * Adds the entries that a statement of `sqlForChanges` has changed, and the heads of their channels.
 * @returns the entries in their new state
 */
export function addChanged(
  rows: readonly Row<typeof changedRow>[],
  changes: readonly EntryChange[],
  changeset: Changeset,
): Entry[] {
  const places = new Map<string, LogPlace>();
  for (const { channelId, place } of changes) {
    if (place.offset >= (places.get(channelId)?.offset ?? -1)) places.set(channelId, place);
  }
  return rows
    .toSorted((a, b) => a.position - b.position)
    .map(({ version, channelSeq: seq, ...row }) => {
      const entry = toEntry(row);
      const { channelId: id, position } = entry;
      const place = places.get(id);
      if (place === undefined) throw new Error('An entry has changed in a channel without a change.');
      addEntry(changeset, entry);
      addHead(changeset, { id, position, seq, version }, place);
      return entry;
    });
}

/**
 * Returns the statement that changes entries, each once, and gives each the next position of its channel, in the order of the changes
 * in the log: cursors need offsets in the order of positions.
 * @param changes.arrays further parameters with one value for each entry, by the name of the value in `p`
 * @param changes.assignments assignments to columns of the table `entry`, by values of `p`
 * @param changes.also further common table expressions; none if left out
 */
export function sqlForChanges({
  arrays,
  assignments,
  also,
}: {
  arrays: Readonly<Record<string, string>>;
  assignments: string;
  also?: string;
}): string {
  const names = ['id', 'channel_id', 'log_partition', 'log_offset', ...Object.keys(arrays), 'n'];
  const values = ['$ids', '$channelIds', '$partitions', '$offsets', ...Object.values(arrays)];
  return `
    WITH input AS (
      SELECT * FROM unnest(${values.join(', ')}) WITH ORDINALITY AS i(${names.join(', ')})
    ), p AS (
      SELECT i.*, c.seq AS channel_seq, c.position AS channel_position, c.version AS channel_version,
        row_number() OVER (PARTITION BY i.channel_id ORDER BY i.log_offset, i.n)::int AS place
      FROM input i
      CROSS JOIN LATERAL (SELECT c.seq, c.position, c.version FROM channel c WHERE c.id = i.channel_id LIMIT 1) c
      WHERE EXISTS (SELECT FROM entry e WHERE e.id = i.id AND e.channel_id = i.channel_id)
    ), raised AS (
      UPDATE channel c SET position = c.position + a.count, version = c.version + 1, ${assignPlace('c', ofBatch)}
      FROM (
        SELECT channel_id, count(*)::int AS count, min(log_partition) AS partition, min(log_offset) AS first,
          max(log_offset) AS last
        FROM p GROUP BY channel_id) a
      WHERE c.id = a.channel_id
    ), ${also === undefined ? '' : `${also.trim()}, `}e AS (
      UPDATE entry SET ${assignments}, position = p.channel_position + p.place, log_offset = p.log_offset
      FROM p WHERE entry.id = p.id
      RETURNING entry.*, p.channel_version + 1 AS new_version, p.channel_seq
    )
    SELECT ${entryColumns.list}, e.new_version AS version, e.channel_seq AS "channelSeq" FROM e`;
}

/** All changes of a channel are on one partition. */
const ofBatch = { partition: 'a.partition', first: 'a.first', last: 'a.last' };
