import { ApolloClient, ApolloLink, gql, InMemoryCache, Observable } from '@apollo/client/core';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClientId } from '../../client/src/urql/client-id.ts';
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
  sendMutation,
} from './documents.ts';
import { type FollowVariables, follow, type Sink } from './follow.ts';
import { createNewestStates, mergeMessage, pendingMessage } from './messages.ts';
import { createSocket } from './socket.ts';

const pageDocument = gql(pageQuery);

/** Options of `createApolloChat`. */
export interface ApolloChatOptions extends ChatOptions {
  /** Link for queries and mutations, with the `fetch` of `fetch.ts`. */
  http: ApolloLink;
  /** Whether subscriptions go over `http` too, as multipart responses. */
  isOverHttp?: boolean;
  /** Uploads a file and resolves with its id. */
  upload(client: ApolloClient, channelId: string, file: File): Promise<string>;
}

/** Creates a chat on Apollo Client 3 or 4: the same code runs on both. */
export function createApolloChat({ http, isOverHttp = false, upload, ...options }: ApolloChatOptions): Chat {
  // snippet: client
  const socket = createSocket(options);
  const isSubscription = ({ query }: { query: { definitions: readonly object[] } }) =>
    query.definitions.some((definition) => 'operation' in definition && definition.operation === 'subscription');
  const client = new ApolloClient({
    link: ApolloLink.from([
      createNewestLink(),
      isOverHttp
        ? http
        : ApolloLink.split(isSubscription, ApolloLink.from([resumeLink, new GraphQLWsLink(socket)]), http),
    ]),
    cache: new InMemoryCache({
      typePolicies: { Channel: { fields: { messages: { keyArgs: false, merge: (_, incoming) => incoming } } } },
    }),
  });
  // end
  return {
    guest: async (name) => (await mutate<Guest>(guestMutation, { name })).guest,
    createRoom: async (name) => (await mutate<CreateRoom>(createRoomMutation, { name })).createRoom.id,
    open,
    dispose() {
      client.stop();
      void socket.dispose();
    },
  };

  async function open(channelId: string, onEvent: (message: Message) => void): Promise<Room> {
    const page = { query: pageDocument, variables: { channelId } };
    const close = await follow({ channelId, session: options.session, load, subscribe, onMessage });
    return {
      showsPending: true,
      messages: () => client.cache.readQuery<Page>(page, true)?.channel.messages.nodes ?? [],
      send,
      edit: async (messageId, text) => add((await mutate<Edit>(editMutation, { messageId, text })).editMessage),
      upload: (file) => upload(client, channelId, file),
      close,
    };

    async function load(): Promise<number> {
      const { data } = await client.query<Page>({ ...page, fetchPolicy: 'network-only' });
      if (!data) throw new Error('The channel cannot be read.');
      return data.channel.messages.position;
    }

    function onMessage(message: Message): void {
      add(message);
      onEvent(message);
    }

    // snippet: send
    async function send(text: string, attachmentIds: readonly string[] = []): Promise<void> {
      const input = { channelId, clientId: createClientId(), text, attachmentIds };
      const author = { __typename: 'User', ...(options.session.get()?.user ?? { id: '', name: '' }) };
      const message = { __typename: 'Message', ...pendingMessage(author, input) };
      await client.mutate<Send>({
        mutation: gql(sendMutation),
        variables: { input },
        // Apollo takes it back when the response is there, so the message replaces it.
        optimisticResponse: { send: { __typename: 'SendPayload', message } } as Send,
        update: (cache, { data }) => data && add(data.send.message, cache),
      });
    }

    /** Adds a message to the page in the cache, in its place. */
    function add(message: Message, cache: Pick<typeof client.cache, 'updateQuery'> = client.cache): void {
      cache.updateQuery<Page>(page, (data) => {
        if (!data) return data;
        const { channel } = data;
        const nodes = mergeMessage(channel.messages.nodes, message);
        return { channel: { ...channel, messages: { ...channel.messages, nodes } } };
      });
    }
    // end
  }

  function subscribe(variables: FollowVariables, sink: Sink): () => void {
    const events = client.subscribe<{ messages: Message }>({ query: gql(messagesSubscription), variables });
    const subscription = events.subscribe({
      next: ({ data, error }) => (data ? sink.next(data.messages) : sink.end(error)),
      error: (error) => sink.end(error),
      complete: () => sink.end(),
    });
    return () => subscription.unsubscribe();
  }

  async function mutate<Data>(mutation: string, variables: Record<string, unknown>): Promise<Data> {
    const { data } = await client.mutate<Data>({ mutation: gql(mutation), variables });
    if (!data) throw new Error('The response has no data.');
    return data;
  }
}

// snippet: resume
/** Apollo reads `after` once. This link makes it a getter, which `GraphQLWsLink` reads again at each connection. */
const resumeLink = new ApolloLink((operation, forward) => {
  let { after } = operation.variables;
  if (typeof after !== 'number') return forward(operation);
  operation.variables = {
    ...operation.variables,
    get after() {
      return after;
    },
  };
  return mapResults(forward(operation), (result) => {
    after = Math.max(after, result.data?.['messages']?.position ?? after);
    return result;
  });
});
// end

// snippet: newest
/**
 * Returns a link that lets the newest state of a message win. A `merge` of a type policy cannot: Apollo Client does not ask
 * it about objects with ids.
 */
function createNewestLink(): ApolloLink {
  const newest = createNewestStates();
  return new ApolloLink((operation, forward) =>
    mapResults(forward(operation), (result) => (result.data ? { ...result, data: newest(result.data) } : result)),
  );
}

/** `Observable.map` exists in Apollo Client 3 only, and `pipe` in 4. */
function mapResults(
  results: Observable<ApolloLink.Result>,
  map: (result: ApolloLink.Result) => ApolloLink.Result,
): Observable<ApolloLink.Result> {
  return new Observable((observer) => {
    const subscription = results.subscribe({
      next: (result) => observer.next(map(result)),
      error: (error) => observer.error(error),
      complete: () => observer.complete(),
    });
    return () => subscription.unsubscribe();
  });
}
// end
