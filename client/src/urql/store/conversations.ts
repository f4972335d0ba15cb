import type { Client } from '@urql/core';
import type { Timeline } from '../cache.ts';
import { type Conversation, type ConversationStore, createConversation } from './conversation.ts';
import type { ChangedUser, Message } from './types.ts';

interface Stored {
  channelId: string;
  timeline: Timeline<Message>;
}

/** Number of conversations whose newest messages are stored. */
const maxStored = 30;

/** Creates the conversations of a user. Each is created when it is asked for, and keeps its messages afterwards. */
export function createConversations(client: Pick<Client, 'query'>, ready: () => Promise<void>) {
  const conversations = new Map<string, ConversationStore>();

  return {
    open: (channelId: string): Conversation => openStore(channelId),
    find: (channelId: string) => conversations.get(channelId),
    forget: (channelId: string) => conversations.get(channelId)?.resync(),
    resync: () => each((conversation) => conversation.resync()),
    retry: () => each((conversation) => conversation.retry()),
    putUser: (user: ChangedUser) => each((conversation) => conversation.putUser(user)),
    /** Returns the newest messages of the conversations that were opened last. */
    newest(): Stored[] {
      const loaded = [...conversations].flatMap(([channelId, conversation]) => {
        const timeline = conversation.newest();
        return timeline ? [{ channelId, timeline }] : [];
      });
      return loaded.slice(-maxStored);
    },
    restore(stored: readonly Stored[]): void {
      for (const { channelId, timeline } of stored) openStore(channelId).restore(timeline);
    },
  };

  function openStore(channelId: string): ConversationStore {
    const conversation = conversations.get(channelId) ?? createConversation({ client, channelId, ready });
    // Again at the end: the order is that of the last use.
    conversations.delete(channelId);
    conversations.set(channelId, conversation);
    return conversation;
  }

  function each(work: (conversation: ConversationStore) => void): void {
    for (const conversation of conversations.values()) work(conversation);
  }
}
