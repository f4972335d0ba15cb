import { createClient } from 'graphql-sse';
import { backoff } from '../../client/src/urql/backoff.ts';
import type { Chat, ChatOptions, Message } from './chat.ts';
import { messagesSubscription } from './documents.ts';
import { createFetch } from './fetch.ts';
import { createRequest } from './request.ts';
import { createRequestChat } from './request-chat.ts';

/**
 * Creates a chat on graphql-sse.
 * @param mode.singleConnection whether all subscriptions share one stream; each has its own otherwise
 */
export function createGraphqlSseChat(options: ChatOptions, { singleConnection = false } = {}): Chat {
  // snippet: graphql-sse
  const client = createClient({
    url: options.url,
    singleConnection,
    fetchFn: createFetch(options.session),
    retryAttempts: Number.POSITIVE_INFINITY,
    retry: (attempt) => new Promise((resolve) => setTimeout(resolve, backoff(attempt))),
  });
  return createRequestChat(options, {
    request: createRequest(options),
    // graphql-sse, too, reads `variables.after` again at each connection.
    subscribe: (variables, sink) =>
      client.subscribe<{ messages: Message }>(
        { query: messagesSubscription, variables: variables as unknown as Record<string, unknown> },
        {
          next: ({ data, errors }) => (data ? sink.next(data.messages) : sink.end(errors)),
          error: (error) => sink.end(error),
          complete: () => sink.end(),
        },
      ),
    dispose: client.dispose,
  });
  // end
}
