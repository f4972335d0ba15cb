import type { Client } from '@urql/core';
import type { ChannelItem, ChannelList } from '../channels/channel-list.ts';
import {
  DeleteMessageDocument,
  EditMessageDocument,
  type MessagePartsFragment,
  MessagesDocument,
  NewestMessagesDocument,
  OlderMessagesDocument,
} from '../gql/graphql.ts';
import { createEntryCache } from '../urql/cache.ts';
import { type Failure, failureOf } from '../urql/errors.ts';
import { followMessages, LoadError } from '../urql/resume.ts';
import { createValue } from '../urql/value.ts';

export type Message = MessagePartsFragment;

export interface ConversationState {
  status: 'loading' | 'ready' | 'ended';
  /** Why it cannot be loaded for now, or why it ended. */
  failure: Failure | null;
  channel: ChannelItem | null;
  /** Everything up to this `seq` had been seen when the conversation was opened. */
  seenSeq: number;
  /** The newest `seq` when the conversation was opened: what came later is read as it comes. */
  openedSeq: number;
  older: 'none' | 'some' | 'loading' | 'failed';
}

export interface ConversationOptions {
  client: Client;
  channelId: string;
  channels: ChannelList;
}

export type Conversation = ReturnType<typeof createConversation>;

const PAGE_SIZE = 50;
const BIG_PAGE_SIZE = 100;
/** How much is loaded to open at the first unseen; further back one scrolls. */
const MAX_OPENING = 500;

const GONE: Failure = { code: 'NOT_FOUND', message: 'There is no such channel, or the viewer is no member.' };

/** One channel's messages as they are read: the cache, what fills it, and what changes it. */
export function createConversation({ client, channelId, channels }: ConversationOptions) {
  const cache = createEntryCache<Message>();
  const state = createValue<ConversationState>({
    status: 'loading',
    failure: null,
    channel: channels.find(channelId) ?? null,
    seenSeq: 0,
    openedSeq: 0,
    older: 'none',
  });
  let follower: ReturnType<typeof followMessages> | undefined;
  let position: number | undefined;

  return {
    channelId,
    get: state.get,
    subscribe: state.subscribe,
    messages: cache,
    open,
    close,
    loadOlder,
    merge: cache.merge,
    edit,
    remove,
  };

  /** Follows the channel from where it was left, until `close`. */
  function open(): void {
    const listed = channels.find(channelId);
    if (position !== undefined && listed?.viewerMembership)
      set({ seenSeq: listed.viewerMembership.seenSeq, openedSeq: listed.lastMessage?.seq ?? 0 });
    follower ??= followMessages<Message>({
      client,
      channelId,
      document: MessagesDocument,
      load,
      ...(position === undefined ? {} : { position }),
      onEntry: cache.merge,
      onEnd: (failure) => set({ status: 'ended', failure }),
      onTrouble: (failure) => set({ failure }),
    });
  }

  function close(): void {
    position = follower?.position();
    follower?.stop();
    follower = undefined;
    if (state.get().status === 'ended') {
      position = undefined;
      set({ status: 'loading', failure: null });
    }
  }

  async function load(): Promise<number> {
    const last = (channels.find(channelId)?.viewerMembership?.unreadCount ?? 0) < PAGE_SIZE ? PAGE_SIZE : BIG_PAGE_SIZE;
    const variables = { channelId, last };
    const result = await client.query(NewestMessagesDocument, variables, { requestPolicy: 'network-only' }).toPromise();
    const channel = result.data?.channel;
    if (!channel?.messages) throw new LoadError(failureOf(result.error) ?? GONE);
    cache.reset(channel.messages);
    const seenSeq = channel.viewerMembership?.seenSeq ?? 0;
    if ((channel.viewerMembership?.unreadCount ?? 0) > 0) await reachBackTo(seenSeq);
    const openedSeq = cache.get().entries.at(-1)?.seq ?? 0;
    set({ status: 'ready', failure: null, channel, seenSeq, openedSeq, older: olderState() });
    return channel.messages.position;
  }

  async function reachBackTo(seq: number): Promise<void> {
    const { entries, olderThan } = cache.get();
    if (olderThan === null || entries.length >= MAX_OPENING || (entries[0]?.seq ?? 0) <= seq + 1) return;
    if ((await fetchOlder(olderThan, BIG_PAGE_SIZE)) === null) await reachBackTo(seq);
  }

  /** Loads the page before the oldest message; does nothing while one is being loaded. */
  async function loadOlder(): Promise<void> {
    const { olderThan } = cache.get();
    if (olderThan === null || state.get().older === 'loading') return;
    set({ older: 'loading' });
    const failure = await fetchOlder(olderThan, PAGE_SIZE);
    set({ older: failure === null ? olderState() : 'failed' });
  }

  async function fetchOlder(before: string, last: number): Promise<Failure | null> {
    const variables = { channelId, last, before };
    const result = await client.query(OlderMessagesDocument, variables, { requestPolicy: 'network-only' }).toPromise();
    const page = result.data?.channel?.messages;
    if (!page) return failureOf(result.error) ?? GONE;
    if (cache.get().olderThan === before) cache.addOlder(page);
    return null;
  }

  /** Null when it worked. */
  async function edit(messageId: string, text: string): Promise<Failure | null> {
    const result = await client.mutation(EditMessageDocument, { messageId, text }).toPromise();
    if (result.data?.editMessage) cache.merge(result.data.editMessage);
    return failureOf(result.error);
  }

  /** Null when it worked. */
  async function remove(messageId: string): Promise<Failure | null> {
    const result = await client.mutation(DeleteMessageDocument, { messageId }).toPromise();
    if (result.data?.deleteMessage) cache.merge(result.data.deleteMessage);
    return failureOf(result.error);
  }

  function olderState(): 'none' | 'some' {
    return cache.get().olderThan === null ? 'none' : 'some';
  }

  function set(change: Partial<ConversationState>): void {
    state.set({ ...state.get(), ...change });
  }
}
