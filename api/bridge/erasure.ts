import type { EventOf, Logged } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { emptyProfile, insertErasure } from '../infra/database/erasures.ts';
import { statement } from '../infra/database/statement.ts';
import { arrayOf, uuid } from '../infra/database/types.ts';
import type { Changeset } from './changeset.ts';
import { deleteEntry } from './entry-writes.ts';

type UserErased = Logged<EventOf<'UserErased'>>;

/** Adds the user of an erasure to the ledger, and empties the profile, which a restored database may have again. */
export async function eraseProfile(query: Query, { userId, at }: UserErased): Promise<void> {
  await query(insertErasure, { userId, at });
  await query(emptyProfile, { userId });
}

/**
 * Deletes the messages that an erasure names, those of its user alone, in order of `seq`. One that is deleted already has no
 * content and stays. They are deleted one by one, as their author would, so that everything that depends on a message goes with it.
 */
export async function eraseEntries(query: Query, event: UserErased, changeset: Changeset): Promise<void> {
  const { channelId, userId, messageIds } = event;
  if (messageIds.length === 0) return;
  const rows = await query(selectErasable, { channelId, userId, ids: messageIds });
  for (const { id: messageId } of rows) await deleteEntry(query, { ...event, messageId }, changeset);
}

const selectErasable = statement({
  sql: `
    SELECT id FROM entry WHERE id = ANY($ids) AND channel_id = $channelId AND author_id = $userId AND kind = 'TEXT'
      AND deleted_at IS NULL
    ORDER BY seq`,
  parameters: { channelId: uuid, userId: uuid, ids: arrayOf(uuid) },
  row: { id: uuid },
});
