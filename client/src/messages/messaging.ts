import type { Client } from '@urql/core';
import type { LocalData } from '../accounts/local-data.ts';
import type { ChannelList } from '../channels/channel-list.ts';
import type { Connection } from '../urql/socket.ts';
import type { Readable } from '../urql/value.ts';
import { type Conversation, createConversation } from './conversation.ts';
import { createDrafts } from './drafts.ts';
import { createOutbox } from './outbox.ts';

/** Options of `createMessaging`. */
export interface MessagingOptions {
  client: Client;
  connection: Readable<Connection>;
  localData: LocalData;
  channels: ChannelList;
}

/** The conversations, drafts and outbox of one user. */
export type Messaging = ReturnType<typeof createMessaging>;

/** Creates one user's conversations, drafts and outbox. */
export function createMessaging({ client, connection, localData, channels }: MessagingOptions) {
  const conversations = new Map<string, Conversation>();
  const outbox = createOutbox({
    client,
    connection,
    localData,
    onSent: (message, channelId) => conversations.get(channelId)?.merge(message),
  });

  return {
    connection,
    outbox,
    drafts: createDrafts(localData),
    conversation,
    dispose() {
      for (const { close } of conversations.values()) close();
      outbox.dispose();
    },
  };

  /** Returns the conversation of a channel. Its messages stay loaded after it is closed. */
  function conversation(channelId: string): Conversation {
    const known = conversations.get(channelId) ?? createConversation({ client, channelId, channels });
    conversations.set(channelId, known);
    return known;
  }
}
