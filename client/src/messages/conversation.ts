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
import { type Failure, toFailure } from '../urql/errors.ts';
import { followMessages, LoadError } from '../urql/resume.ts';
import { createValue } from '../urql/value.ts';

export type Message = MessagePartsFragment;

export interface ConversationState {
  status: 'loading' | 'ready' | 'ended';
  /** Why the conversation could not be loaded, or why it ended. */
  failure: Failure | null;
  channel: ChannelItem | null;
  /** The viewer's seen mark when the conversation was opened. */
  seenSeq: number;
  /** The newest `seq` when the conversation was opened. Later messages are never shown as unread. */
  openedSeq: number;
  older: 'none' | 'some' | 'loading' | 'failed';
}

export interface ConversationOptions {
  client: Client;
  channelId: string;
  channels: ChannelList;
}

export type Conversation = ReturnType<typeof createConversation>;

const pageSize = 50;
const largePageSize = 100;
/** Maximum number of messages to load when opening at the first unread message. */
const maxInitialMessages = 500;

const notFound: Failure = { code: 'NOT_FOUND', message: "Channel not found, or you don't have access to it." };

/** Creates the conversation of one channel: the cache of its messages, and the functions that load and change them. */
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
    reopen,
    loadOlder,
    merge: cache.merge,
    edit,
    remove,
  };

  /** Follows the channel until `close`, from the position where it was closed before. */
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
      onLoadFailure: (failure) => set({ failure }),
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

  /** Starts again after the conversation ended, for example because the viewer has joined the room. */
  function reopen(): void {
    close();
    open();
  }

  async function load(): Promise<number> {
    const last = (channels.find(channelId)?.viewerMembership?.unreadCount ?? 0) < pageSize ? pageSize : largePageSize;
    const variables = { channelId, last };
    const result = await client.query(NewestMessagesDocument, variables, { requestPolicy: 'network-only' }).toPromise();
    const channel = result.data?.channel;
    if (!channel?.messages) throw new LoadError(toFailure(result.error) ?? notFound);
    cache.reset(channel.messages);
    const seenSeq = channel.viewerMembership?.seenSeq ?? 0;
    if ((channel.viewerMembership?.unreadCount ?? 0) > 0) await loadBackTo(seenSeq);
    const openedSeq = cache.get().entries.at(-1)?.seq ?? 0;
    set({ status: 'ready', failure: null, channel, seenSeq, openedSeq, older: olderState() });
    return channel.messages.position;
  }

  async function loadBackTo(seq: number): Promise<void> {
    const { entries, olderCursor } = cache.get();
    if (olderCursor === null || entries.length >= maxInitialMessages || (entries[0]?.seq ?? 0) <= seq + 1) return;
    if ((await fetchOlder(olderCursor, largePageSize)) === null) await loadBackTo(seq);
  }

  /** Loads the page before the oldest message. Does nothing while a page is loading. */
  async function loadOlder(): Promise<void> {
    const { olderCursor } = cache.get();
    if (olderCursor === null || state.get().older === 'loading') return;
    set({ older: 'loading' });
    const failure = await fetchOlder(olderCursor, pageSize);
    set({ older: failure === null ? olderState() : 'failed' });
  }

  async function fetchOlder(before: string, last: number): Promise<Failure | null> {
    const variables = { channelId, last, before };
    const result = await client.query(OlderMessagesDocument, variables, { requestPolicy: 'network-only' }).toPromise();
    const page = result.data?.channel?.messages;
    if (!page) return toFailure(result.error) ?? notFound;
    if (cache.get().olderCursor === before) cache.addOlder(page);
    return null;
  }

  /** Replaces the text of a message. Resolves with null, or with the failure. */
  async function edit(messageId: string, text: string): Promise<Failure | null> {
    const result = await client.mutation(EditMessageDocument, { messageId, text }).toPromise();
    if (result.data?.editMessage) cache.merge(result.data.editMessage);
    return toFailure(result.error);
  }

  /** Deletes a message. Resolves with null, or with the failure. */
  async function remove(messageId: string): Promise<Failure | null> {
    const result = await client.mutation(DeleteMessageDocument, { messageId }).toPromise();
    if (result.data?.deleteMessage) cache.merge(result.data.deleteMessage);
    return toFailure(result.error);
  }

  function olderState(): 'none' | 'some' {
    return cache.get().olderCursor === null ? 'none' : 'some';
  }

  function set(change: Partial<ConversationState>): void {
    state.set({ ...state.get(), ...change });
  }
}
