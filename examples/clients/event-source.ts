import { EventSource } from 'eventsource';
import type { Chat, ChatOptions, Message } from './chat.ts';
import { messagesSubscription } from './documents.ts';
import { createFetch } from './fetch.ts';
import type { FollowVariables, Sink } from './follow.ts';
import { createRequest } from './request.ts';
import { createRequestChat } from './request-chat.ts';

/** Creates a chat on `EventSource`, of the package `eventsource`, which can send headers. */
export function createEventSourceChat(options: ChatOptions): Chat {
  const { url, session } = options;
  return createRequestChat(options, { request: createRequest(options), subscribe, dispose: () => {} });

  // snippet: event-source
  /** Subscribes by a GET. After an error `follow` opens another one, with the newest position. */
  function subscribe({ channelId, after }: FollowVariables, sink: Sink): () => void {
    const variables = JSON.stringify({ channelId, after });
    const query = new URLSearchParams({ query: messagesSubscription, variables });
    const source = new EventSource(`${url}?${query}`, { fetch: createFetch(session) as never });
    source.addEventListener('next', ({ data }) => {
      const { data: event, errors } = JSON.parse(data) as { data?: { messages: Message }; errors?: unknown };
      if (event) sink.next(event.messages);
      else end(errors);
    });
    source.addEventListener('complete', () => end());
    source.addEventListener('error', () => end());
    return () => source.close();

    function end(error?: unknown): void {
      source.close();
      sink.end(error);
    }
  }
  // end
}
