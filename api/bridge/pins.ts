import { maxPins, mayPin, mayUnpin, tooManyPins } from '../domain/policies.ts';
import type { EventOf, Logged, Outcome } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { entryColumns, toEntry } from '../infra/database/entries.ts';
import { statement } from '../infra/database/statement.ts';
import { tables } from '../infra/database/tables.ts';
import { int4, nullable, timestamptz, uuid } from '../infra/database/types.ts';
import type { ChangeContext } from './change-context.ts';
import { addEntry, addHead } from './changeset.ts';
import { assignPlace, placeOf, placeParameters } from './tracking.ts';

type PinEvent = Logged<EventOf<'MessagePinned'> | EventOf<'MessageUnpinned'>>;

/**
 * Pins a message or takes its pin away, which gives it the next position and changes the channel. One that is so already
 * stays as it is.
 */
export async function applyPin(event: PinEvent, context: ChangeContext): Promise<Outcome> {
  const { query, actor, entry: row } = context;
  const channel = context.channel && { ...context.channel, isBlocked: context.isBlocked };
  const isPinned = event.type === 'MessagePinned';
  const rejection = (isPinned ? mayPin : mayUnpin)({ channel, member: actor, entry: row, at: event.at });
  if (rejection) return { applied: false, rejection };
  if (row === null) throw new Error('The rules allow no pin of a message that does not exist.');
  const entry = toEntry(row);
  if ((entry.pinnedAt !== null) === isPinned) return { applied: true, entry };
  if (isPinned && (await countPins(query, event.channelId)) >= maxPins)
    return { applied: false, rejection: tooManyPins };
  return writePin(event, context);
}

async function countPins(query: Query, channelId: string): Promise<number> {
  const [row] = await query(selectCount, { channelId });
  return row?.count ?? 0;
}

async function writePin(event: PinEvent, { query, changeset }: ChangeContext): Promise<Outcome> {
  const { channelId, messageId, at, type } = event;
  const pinnedAt = type === 'MessagePinned' ? at : null;
  const [row] = await query(updatePin, { channelId, id: messageId, pinnedAt, ...placeOf(event) });
  if (row === undefined) throw new Error('The channel of an entry does not exist.');
  const { version, channelSeq: seq, ...stored } = row;
  const entry = toEntry(stored);
  addEntry(changeset, entry);
  addHead(changeset, { id: channelId, position: entry.position, seq, version }, event, true);
  return { applied: true, entry };
}

const selectCount = statement({
  sql: 'SELECT count(*)::int AS count FROM entry e WHERE e.channel_id = $channelId AND e.pinned_at IS NOT NULL',
  parameters: { channelId: uuid },
  row: { count: int4 },
});

const { version, seq: channelSeq } = tables.channel.columns;

const updatePin = statement({
  sql: `
    WITH raised AS (
      UPDATE channel SET position = position + 1, version = version + 1, ${assignPlace('channel', { isChanged: 'true' })}
      WHERE id = $channelId RETURNING *
    ), e AS (
      UPDATE entry SET pinned_at = $pinnedAt, position = raised.position, log_offset = $offset
      FROM raised WHERE entry.id = $id RETURNING entry.*
    )
    SELECT ${entryColumns.list}, raised.version, raised.seq AS "channelSeq" FROM e, raised`,
  parameters: { channelId: uuid, id: uuid, pinnedAt: nullable(timestamptz), ...placeParameters },
  row: { ...entryColumns.row, version, channelSeq },
});
