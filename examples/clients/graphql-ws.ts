import type { Client } from 'graphql-ws';
import type { Chat, ChatOptions, Message } from './chat.ts';
import { messagesSubscription } from './documents.ts';
import type { FollowVariables, Sink } from './follow.ts';
import { createRequest } from './request.ts';
import { createRequestChat } from './request-chat.ts';
import { createSocket } from './socket.ts';

/** Creates a chat on graphql-ws alone: subscriptions over its socket, queries and mutations by `fetch`. */
export function createGraphqlWsChat(options: ChatOptions): Chat {
  const socket = createSocket(options);
  return createRequestChat(options, {
    request: createRequest(options),
    subscribe: (variables, sink) => subscribeMessages(socket, variables, sink),
    dispose: () => void socket.dispose(),
  });
}

// snippet: subscribe
/** Subscribes to messages. graphql-ws reads `variables.after` again at each connection, so the subscription resumes. */
function subscribeMessages(socket: Client, variables: FollowVariables, sink: Sink): () => void {
  return socket.subscribe<{ messages: Message }>(
    { query: messagesSubscription, variables: variables as unknown as Record<string, unknown> },
    {
      next: ({ data, errors }) => (data ? sink.next(data.messages) : sink.end(errors)),
      error: (error) => sink.end(error),
      complete: () => sink.end(),
    },
  );
}
// end
