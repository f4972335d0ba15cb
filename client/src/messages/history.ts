import type { Client } from '@urql/core';
import { NewestMessagesDocument, OlderMessagesDocument } from '../gql/graphql.ts';
import type { EntryCache } from '../urql/cache.ts';
import { type Failure, toFailure } from '../urql/errors.ts';
import { LoadError } from '../urql/resume.ts';
import type { Message } from './message.ts';

interface HistoryOptions {
  client: Client;
  channelId: string;
  cache: EntryCache<Message>;
}

const pageSize = 50;
const largePageSize = 100;
/** Maximum number of messages to load when opening at the first unread message. */
const maxInitialMessages = 500;

const notMember: Failure = { code: 'FORBIDDEN', message: 'You are not a member of this channel.' };
const notFound: Failure = { code: 'NOT_FOUND', message: "Channel not found, or you don't have access to it." };

/** Creates the functions that load pages of one channel's messages into its cache. */
export function createHistory({ client, channelId, cache }: HistoryOptions) {
  return { loadNewest, loadOlder };

  /**
   * Loads the newest page. If there are unread messages, it also loads earlier pages, back to the first unread one.
   * Rejects with a `LoadError`.
   * @param unreadCount number of unread messages as far as it is known; determines the size of the page
   */
  async function loadNewest(unreadCount: number) {
    const last = unreadCount < pageSize ? pageSize : largePageSize;
    const variables = { channelId, last };
    const result = await client.query(NewestMessagesDocument, variables, { requestPolicy: 'network-only' }).toPromise();
    const channel = result.data?.channel;
    if (!channel?.messages) throw new LoadError(toFailure(result.error) ?? (channel ? notMember : notFound));
    cache.reset(channel.messages);
    const membership = channel.viewerMembership;
    if ((membership?.unreadCount ?? 0) > 0) await loadBackTo(membership?.seenSeq ?? 0);
    return { channel, position: channel.messages.position };
  }

  async function loadBackTo(seq: number): Promise<void> {
    const { entries, olderCursor } = cache.get();
    if (olderCursor === null || entries.length >= maxInitialMessages || (entries[0]?.seq ?? 0) <= seq + 1) return;
    if ((await loadOlder(largePageSize)) === null) await loadBackTo(seq);
  }

  /** Loads the page before the oldest message, if there is one. Resolves with null, or with the failure. */
  async function loadOlder(last = pageSize): Promise<Failure | null> {
    const before = cache.get().olderCursor;
    if (before === null) return null;
    const variables = { channelId, last, before };
    const result = await client.query(OlderMessagesDocument, variables, { requestPolicy: 'network-only' }).toPromise();
    const page = result.data?.channel?.messages;
    if (!page) return toFailure(result.error) ?? notFound;
    if (cache.get().olderCursor === before) cache.addOlder(page);
    return null;
  }
}
