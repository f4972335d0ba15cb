import type { Entry } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { toEntry } from '../infra/database/entries.ts';
import { findReadable } from './access.ts';
import { toColumns } from './channel-of-user.ts';
import { beyond } from './history.ts';
import type { MessageOfUser } from './history-around.ts';
import { selectReplies } from './history-statements.ts';
import { type Page, type PageRequest, toPage } from './pages.ts';

/** A page of the replies to a message; null if the user may not read the channel. */
interface RepliesOfUser extends MessageOfUser {
  value: Page<Entry> | null;
}

/** Creates the read of replies to messages, on behalf of users: they see the same messages as in the history. */
export function createReplies({ database }: { database: Pick<Database, 'read'> }) {
  return {
    /**
     * Reads a page of the replies to each message, in order of seq.
     * @param reader key of the user who waits for it
     * @returns in no order
     */
    async pages(
      asked: readonly MessageOfUser[],
      request: PageRequest<number>,
      reader: string,
    ): Promise<RepliesOfUser[]> {
      const { limit, after, before } = request;
      const messageIds = asked.map(({ messageId }) => messageId);
      const between = { after: after ?? 0, before: before ?? beyond, limit: limit + 1 };
      const rows = await database.read(reader, selectReplies(request), { ...toColumns(asked), messageIds, ...between });
      return rows.map(({ entries, ...row }) => ({
        channelId: row.channelId,
        userId: row.userId,
        messageId: row.messageId,
        value: findReadable(row) && toPage((entries ?? []).map(toEntry), request),
      }));
    },
  };
}

export type Replies = ReturnType<typeof createReplies>;
