import { SubscriptionClient } from 'subscriptions-transport-ws';
import type { Chat, ChatOptions, Message } from './chat.ts';
import { messagesSubscription } from './documents.ts';
import type { Sink } from './follow.ts';
import { createRequest } from './request.ts';
import { createRequestChat } from './request-chat.ts';

/** Creates a chat on subscriptions-transport-ws, the older protocol: subscriptions over its socket, the rest by `fetch`. */
export function createTransportWsChat(options: ChatOptions): Chat {
  const { url, session, webSocketImpl } = options;
  // snippet: client
  const sinks = new Set<Sink>();
  const restartAll = () => {
    for (const sink of sinks) sink.end();
  };
  let sent: string | null = null;
  const client = new SubscriptionClient(
    url.replace(/^http/, 'ws'),
    {
      reconnect: true,
      lazy: true,
      connectionParams: async () => {
        sent = await session.token();
        return sent === null ? {} : { authorization: `Bearer ${sent}` };
      },
      // After a refusal the client would connect again, but not start its operations again.
      connectionCallback: (error) => {
        if (error && sent !== null) void session.renew(sent).then(restartAll, restartAll);
      },
    },
    webSocketImpl,
  );
  // end
  return createRequestChat(options, {
    request: createRequest(options),
    // `variables.after` is read again at each connection.
    subscribe(variables, sink) {
      const events = client.request({ query: messagesSubscription, variables });
      const subscription = events.subscribe({
        next: ({ data, errors }) => (data ? sink.next((data as { messages: Message }).messages) : sink.end(errors)),
        error: (error) => sink.end([error]),
        complete: () => sink.end(),
      });
      sinks.add(sink);
      return () => {
        sinks.delete(sink);
        subscription.unsubscribe();
      };
    },
    dispose: () => client.close(),
  });
}
