import type { Client } from '@urql/core';
import type { ChannelItem, ChannelList } from '../channels/channel-list.ts';
import { DeleteMessageDocument, EditMessageDocument, MessagesDocument } from '../gql/graphql.ts';
import { createEntryCache } from '../urql/cache.ts';
import { type Failure, toFailure } from '../urql/errors.ts';
import { followMessages } from '../urql/resume.ts';
import { createValue } from '../urql/value.ts';
import { createHistory } from './history.ts';
import type { Message } from './message.ts';

/** The state of a conversation besides its messages. */
export interface ConversationState {
  status: 'loading' | 'ready' | 'ended';
  /** Why the conversation could not be loaded, or why it ended. */
  failure: Failure | null;
  channel: ChannelItem | null;
  /** The viewer's seen mark when the conversation was opened. */
  seenSeq: number;
  /** The newest `seq` when the conversation was opened. Later messages are never shown as unread. */
  openedSeq: number;
  /** Whether there are older messages to load, or the state of loading them. */
  older: 'none' | 'some' | 'loading' | 'failed';
}

/** Options of `createConversation`. */
export interface ConversationOptions {
  client: Client;
  channelId: string;
  channels: ChannelList;
}

/** The conversation of one channel. */
export type Conversation = ReturnType<typeof createConversation>;

/** Creates the conversation of one channel: the cache of its messages, and the functions that load and change them. */
export function createConversation({ client, channelId, channels }: ConversationOptions) {
  const cache = createEntryCache<Message>();
  const history = createHistory({ client, channelId, cache });
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

  /**
   * Follows the channel until `close`, from the position where it was closed before. A conversation that has ended is
   * loaded again: the viewer may have joined the room since.
   */
  function open(): void {
    if (state.get().status === 'ended') restart();
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
  }

  function restart(): void {
    close();
    position = undefined;
    set({ status: 'loading', failure: null });
  }

  async function load(): Promise<number> {
    const unreadCount = channels.find(channelId)?.viewerMembership?.unreadCount ?? 0;
    const { channel, position: loadedPosition } = await history.loadNewest(unreadCount);
    set({
      status: 'ready',
      failure: null,
      channel,
      seenSeq: channel.viewerMembership?.seenSeq ?? 0,
      openedSeq: cache.get().entries.at(-1)?.seq ?? 0,
      older: olderState(),
    });
    return loadedPosition;
  }

  /** Loads the page before the oldest message. Does nothing while a page is loading. */
  async function loadOlder(): Promise<void> {
    if (olderState() === 'none' || state.get().older === 'loading') return;
    set({ older: 'loading' });
    const failure = await history.loadOlder();
    set({ older: failure === null ? olderState() : 'failed' });
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
