import { type Client, createClient, fetchExchange, mapExchange, subscriptionExchange } from '@urql/core';
import { type Cache, cacheExchange, type DataFields } from '@urql/exchange-graphcache';
import { createClientId } from '../../client/src/urql/client-id.ts';
import type { TokenSource } from '../../client/src/urql/session.ts';
import type { Chat, ChatOptions, Message, Room } from './chat.ts';
import {
  type CreateRoom,
  createRoomMutation,
  type Edit,
  editMutation,
  type Guest,
  guestMutation,
  messagesSubscription,
  type Page,
  pageQuery,
  type Send,
  type SendInput,
  sendMutation,
  type Upload,
  uploadMutation,
} from './documents.ts';
import { createFetch } from './fetch.ts';
import { type FollowVariables, follow, type Sink } from './follow.ts';
import { createNewestStates, mergeMessage, pendingMessage } from './messages.ts';
import { createSocket, subscribeResuming } from './socket.ts';

/** Creates a chat on urql with Graphcache. */
export function createGraphcacheChat(options: ChatOptions): Chat {
  const socket = createSocket(options);
  const { url, session } = options;
  // snippet: graphcache
  const newest = createNewestStates();
  const client = createClient({
    url,
    preferGetMethod: false,
    fetch: createFetch(session),
    exchanges: [
      cacheExchange({
        keys: { ChannelMessagesConnection: () => null, SendPayload: () => null },
        updates: {
          Subscription: {
            messages: ({ messages }, { channelId }, cache) => addMessage(cache, String(channelId), messages),
          },
          Mutation: {
            send: ({ send }, { input }, cache) =>
              addMessage(cache, (input as SendInput).channelId, (send as DataFields | null)?.['message']),
          },
        },
        // Graphcache takes it back when the response is there, so the message replaces it.
        optimistic: {
          send({ input }) {
            const author = { __typename: 'User', ...(session.get()?.user ?? { id: '', name: '' }) };
            const message = { __typename: 'Message', ...pendingMessage(author, input as unknown as SendInput) };
            return { __typename: 'SendPayload', message } as unknown as DataFields;
          },
        },
      }),
      mapExchange({ onResult: (result) => ({ ...result, data: newest(result.data) }) }),
      // Graphcache reads `after` once.
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables = {} }) => ({
          subscribe: (sink) => ({ unsubscribe: subscribeResuming(socket, { query, variables }, sink) }),
        }),
      }),
      fetchExchange,
    ],
  });
  // end
  return createCachedChat(client, session, () => void socket.dispose());
}

// snippet: add
/** Adds a message to the page in the cache, in its place. */
function addMessage(cache: Cache, channelId: string, message: unknown): void {
  if (!message) return;
  cache.updateQuery<Page>({ query: pageQuery, variables: { channelId } }, (page) => {
    if (!page) return page;
    const { channel } = page;
    const nodes = mergeMessage(channel.messages.nodes, message as Message);
    return { channel: { ...channel, messages: { ...channel.messages, nodes } } };
  });
}
// end

function createCachedChat(client: Client, session: TokenSource, dispose: () => void): Chat {
  return {
    guest: async (name) => (await mutate<Guest>(guestMutation, { name })).guest,
    createRoom: async (name) => (await mutate<CreateRoom>(createRoomMutation, { name })).createRoom.id,
    open,
    dispose,
  };

  async function open(channelId: string, onEvent: (message: Message) => void): Promise<Room> {
    const close = await follow({ channelId, session, load, subscribe, onMessage: onEvent });
    return {
      showsPending: true,
      messages: () => client.readQuery<Page>(pageQuery, { channelId })?.data?.channel.messages.nodes ?? [],
      async send(text, attachmentIds = []) {
        await mutate<Send>(sendMutation, { input: { channelId, clientId: createClientId(), text, attachmentIds } });
      },
      async edit(messageId, text) {
        await mutate<Edit>(editMutation, { messageId, text });
      },
      upload: async (file) => (await mutate<Upload>(uploadMutation, { channelId, file })).upload.id,
      close,
    };

    async function load(): Promise<number> {
      const page = client.query<Page>(pageQuery, { channelId }, { requestPolicy: 'network-only' });
      const { data, error } = await page.toPromise();
      if (!data) throw error ?? new Error('The channel cannot be read.');
      return data.channel.messages.position;
    }
  }

  function subscribe(variables: FollowVariables, sink: Sink): () => void {
    const events = client.subscription<{ messages: Message }>(messagesSubscription, variables);
    const { unsubscribe } = events.subscribe(({ data, error, hasNext }) => {
      if (data && !error) sink.next(data.messages);
      if (error || !hasNext) sink.end(error);
    });
    return unsubscribe;
  }

  async function mutate<Data>(mutation: string, variables: object): Promise<Data> {
    const { data, error } = await client.mutation<Data>(mutation, variables).toPromise();
    if (!data || error) throw error ?? new Error('The response has no data.');
    return data;
  }
}
