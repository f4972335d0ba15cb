import {
  ConnectionHandler,
  commitMutation,
  createOperationDescriptor,
  fetchQuery,
  type GraphQLTaggedNode,
  getRequest,
  graphql,
  type MutationConfig,
  type MutationParameters,
  type RecordProxy,
  type RecordSourceProxy,
  requestSubscription,
} from 'relay-runtime';
import { createClientId } from '../../../client/src/urql/client-id.ts';
import type { Chat, ChatOptions, Message, Room, User } from '../chat.ts';
import type { SendInput } from '../documents.ts';
import { type FollowVariables, follow, type Sink } from '../follow.ts';
import { pendingMessage } from '../messages.ts';
import type { relayCreateRoomMutation } from './__generated__/relayCreateRoomMutation.graphql.ts';
import type { relayEditMutation } from './__generated__/relayEditMutation.graphql.ts';
import type { relayGuestMutation } from './__generated__/relayGuestMutation.graphql.ts';
import type { relayMessagesSubscription } from './__generated__/relayMessagesSubscription.graphql.ts';
import type { relayPageQuery, relayPageQuery$data } from './__generated__/relayPageQuery.graphql.ts';
import type { relaySendMutation } from './__generated__/relaySendMutation.graphql.ts';
import type { relayUploadMutation } from './__generated__/relayUploadMutation.graphql.ts';
import { createEnvironment } from './environment.ts';

graphql`
  fragment relay_message on Message {
    id
    kind
    clientId
    seq
    position
    text
    author {
      id
      name
    }
    attachments {
      id
      filename
      url
    }
  }
`;

// snippet: documents
const pageDocument = graphql`
  query relayPageQuery($channelId: ID!) {
    channel(id: $channelId) {
      messages(last: 50) @connection(key: "relay_messages") {
        position
        edges {
          node {
            ...relay_message @relay(mask: false)
          }
        }
      }
    }
  }
`;
const messagesDocument = graphql`
  subscription relayMessagesSubscription($channelId: ID!, $after: Int!) {
    messages(channelId: $channelId, after: $after) {
      ...relay_message @relay(mask: false)
    }
  }
`;
// end

const guestDocument = graphql`
  mutation relayGuestMutation($name: String!) {
    guest(input: { name: $name }) {
      token
      refreshToken
      expiresAt
      user {
        id
        name
      }
    }
  }
`;
const createRoomDocument = graphql`
  mutation relayCreateRoomMutation($name: String!) {
    createRoom(input: { name: $name }) {
      id
    }
  }
`;
const sendDocument = graphql`
  mutation relaySendMutation($input: SendInput!) {
    send(input: $input) {
      message {
        ...relay_message @relay(mask: false)
      }
    }
  }
`;
const editDocument = graphql`
  mutation relayEditMutation($messageId: ID!, $text: String!) {
    editMessage(messageId: $messageId, text: $text) {
      ...relay_message @relay(mask: false)
    }
  }
`;
const uploadDocument = graphql`
  mutation relayUploadMutation($file: Upload!, $channelId: ID) {
    upload(file: $file, channelId: $channelId) {
      id
    }
  }
`;

/** Creates a chat on Relay. */
export function createRelayChat(options: ChatOptions): Chat {
  const { environment, dispose } = createEnvironment(options);
  return {
    async guest(name) {
      const { guest } = await mutate<relayGuestMutation>(guestDocument, { variables: { name } });
      return present(guest);
    },
    async createRoom(name) {
      const { createRoom } = await mutate<relayCreateRoomMutation>(createRoomDocument, { variables: { name } });
      return present(createRoom).id;
    },
    open,
    dispose,
  };

  async function open(channelId: string, onEvent: (message: Message) => void): Promise<Room> {
    const page = createOperationDescriptor(getRequest(pageDocument), { channelId });
    const retained = environment.retain(page);
    const stop = await follow({ channelId, session: options.session, load, subscribe, onMessage: onEvent });
    return {
      showsPending: true,
      messages: () => messagesOf(environment.lookup(page.fragment).data as relayPageQuery$data),
      send,
      async edit(messageId, text) {
        await mutate<relayEditMutation>(editDocument, { variables: { messageId, text } });
      },
      async upload(file) {
        const config = { variables: { channelId, file: null }, uploadables: { file } };
        return present((await mutate<relayUploadMutation>(uploadDocument, config)).upload).id;
      },
      close() {
        stop();
        retained.dispose();
      },
    };

    async function load(): Promise<number> {
      const fetched = fetchQuery<relayPageQuery>(environment, pageDocument, { channelId });
      return present((await fetched.toPromise())?.channel?.messages).position;
    }

    // snippet: send
    async function send(text: string, attachmentIds: readonly string[] = []): Promise<void> {
      const input = { channelId, clientId: createClientId(), text, attachmentIds: [...attachmentIds] };
      const author = options.session.get()?.user ?? { id: '', name: '' };
      await mutate<relaySendMutation>(sendDocument, {
        variables: { input },
        // Relay takes it back when the response is there, so the message replaces it.
        optimisticUpdater: (store) => addMessage(store, channelId, createPending(store, author, input)),
        updater: (store) => addMessage(store, channelId, store.getRootField('send')?.getLinkedRecord('message')),
      });
    }
    // end
  }

  function subscribe(variables: FollowVariables, sink: Sink): () => void {
    const { channelId, after } = variables;
    const subscription = requestSubscription<relayMessagesSubscription>(environment, {
      subscription: messagesDocument,
      variables: { channelId, after },
      updater: (store) => addMessage(store, channelId, store.getRootField('messages')),
      onNext: (data) => data && sink.next(data.messages as Message),
      onError: (error) => sink.end(error),
      onCompleted: () => sink.end(),
    });
    return subscription.dispose;
  }

  function mutate<M extends MutationParameters>(
    mutation: GraphQLTaggedNode,
    config: Omit<MutationConfig<M>, 'mutation' | 'onCompleted' | 'onError'>,
  ): Promise<M['response']> {
    return new Promise((resolve, reject) => {
      commitMutation<M>(environment, {
        ...config,
        mutation,
        onCompleted: (data, errors) => (errors?.length ? reject(new AggregateError(errors)) : resolve(data)),
        onError: reject,
      });
    });
  }
}

// snippet: add
/**
 * Adds a message to the list, in its place. Relay runs optimistic updaters again after each event, so the pending message
 * is left out as soon as the message with its `clientId` is there.
 */
function addMessage(store: RecordSourceProxy, channelId: string, message: RecordProxy | null | undefined): void {
  const channel = store.get(channelId);
  const list = channel && ConnectionHandler.getConnection(channel, 'relay_messages');
  if (!list || !message) return;
  const edges = list.getLinkedRecords('edges') ?? [];
  if (edges.some((edge) => isSame(edge?.getLinkedRecord('node'), message))) return;
  const edge = ConnectionHandler.createEdge(store, list, message, 'ChannelMessagesEdge');
  list.setLinkedRecords(
    [...edges, edge].sort((a, b) => seqOf(a) - seqOf(b)),
    'edges',
  );
}

function isSame(a: RecordProxy | null | undefined, b: RecordProxy): boolean {
  if (a?.getDataID() === b.getDataID()) return true;
  const clientId = a?.getValue('clientId');
  const isOfAuthor = a?.getLinkedRecord('author')?.getDataID() === b.getLinkedRecord('author')?.getDataID();
  return typeof clientId === 'string' && clientId === b.getValue('clientId') && isOfAuthor;
}

function createPending(store: RecordSourceProxy, user: User, input: SendInput): RecordProxy {
  const { author, attachments, ...fields } = pendingMessage(user, input);
  const record = store.create(fields.id, 'Message');
  for (const [name, value] of Object.entries(fields)) record.setValue(value, name);
  const authorRecord = store.get(author.id);
  if (authorRecord) record.setLinkedRecord(authorRecord, 'author');
  record.setLinkedRecords(
    [...attachments].map(({ id }) => store.get(id) ?? null),
    'attachments',
  );
  return record;
}
// end

function seqOf(edge: RecordProxy | null): number {
  return Number(edge?.getLinkedRecord('node')?.getValue('seq'));
}

function messagesOf({ channel }: relayPageQuery$data): Message[] {
  return present(channel?.messages).edges.map(({ node }) => node as Message);
}

function present<T>(value: T | null | undefined): T {
  if (value == null) throw new Error('The response has no data.');
  return value;
}
