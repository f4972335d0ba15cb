import { createUrqlClient } from '../../client/src/urql/urql-client.ts';
import type { Chat, ChatOptions, Message } from './chat.ts';
import { messagesSubscription, type Upload, uploadMutation } from './documents.ts';
import { createRequestChat } from './request-chat.ts';

/** Creates a chat on urql without Graphcache, with the exchanges of `client/src/urql`. */
export function createUrqlChat(options: ChatOptions): Chat {
  // snippet: urql
  const parley = createUrqlClient(options);
  const { client } = parley;
  // end
  return createRequestChat(options, {
    request,
    subscribe(variables, sink) {
      const subscription = client
        .subscription<{ messages: Message }>(messagesSubscription, variables)
        .subscribe(({ data, error, hasNext }) => {
          if (data && !error) sink.next(data.messages);
          if (error || !hasNext) sink.end(error);
        });
      return subscription.unsubscribe;
    },
    upload: async (channelId, file) => (await request<Upload>(uploadMutation, { channelId, file })).upload.id,
    dispose: parley.dispose,
  });

  async function request<Data>(query: string, variables: object): Promise<Data> {
    const isQuery = query.startsWith('query');
    const result = isQuery
      ? client.query(query, variables, { requestPolicy: 'network-only' })
      : client.mutation(query, variables);
    const { data, error } = await result.toPromise();
    if (error) throw error;
    return data;
  }
}
