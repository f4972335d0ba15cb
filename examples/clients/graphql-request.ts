import { GraphQLClient } from 'graphql-request';
import { pause } from '../../client/src/urql/backoff.ts';
import type { Chat, ChatOptions } from './chat.ts';
import { type Changes, changesQuery } from './documents.ts';
import { createFetch } from './fetch.ts';
import type { FollowVariables, Sink } from './follow.ts';
import { createRequestChat } from './request-chat.ts';

/** Milliseconds between two questions for changes. */
const pollMs = 1_000;

/** Creates a chat on graphql-request, which has no subscriptions: it polls `Channel.changes`. */
export function createGraphqlRequestChat(options: ChatOptions): Chat {
  // snippet: graphql-request
  const client = new GraphQLClient(options.url, { fetch: createFetch(options.session) });
  return createRequestChat(options, {
    request: (query, variables) => client.request(query, variables),
    subscribe: pollChanges,
    dispose: () => {},
  });

  function pollChanges({ channelId, after }: FollowVariables, sink: Sink): () => void {
    const stopped = new AbortController();
    void poll(after).catch(sink.end);
    return () => stopped.abort();

    async function poll(from: number): Promise<void> {
      for (let position = from; !stopped.signal.aborted; ) {
        const { channel } = await client.request<Changes>(changesQuery, { channelId, after: position });
        // Null for a viewer who is not a member.
        if (!channel?.changes) return sink.end([{ extensions: { code: 'FORBIDDEN' } }]);
        for (const message of channel.changes.messages) sink.next(message);
        position = channel.changes.position;
        if (!channel.changes.hasMore) await pause(pollMs, stopped.signal);
      }
    }
  }
  // end
}
