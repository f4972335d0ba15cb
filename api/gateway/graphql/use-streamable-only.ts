import { GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import type { RequestContext } from './server-context.ts';

/**
 * Refuses subscriptions over HTTP whose results could not be streamed, and other operations whose client has a stream ticket. A
 * subscription's own refusal comes first.
 */
export const useStreamableOnly: Plugin = {
  onExecute({ args, setResultAndStopExecution }) {
    const { cursor } = args.contextValue as Partial<RequestContext>;
    if (cursor?.suffix) setResultAndStopExecution({ errors: [refusal(400, byTicket)] });
  },
  onSubscribe({ args, setResultAndStopExecution }) {
    const { multipart, isBatch, accepted } = args.contextValue as Partial<RequestContext>;
    if (multipart) return setResultAndStopExecution({ errors: [refusal(400, inMultipart)] });
    if (isBatch) return { onSubscribeResult: (ended) => refuseStream(ended, refusal(400, inBatch)) };
    if (accepted?.stream === null)
      return { onSubscribeResult: (ended) => refuseStream(ended, refusal(406, notStreamed)) };
    return undefined;
  },
};

function refuseStream(
  { result, setResult }: { result: unknown; setResult(result: { errors: GraphQLError[] }): void },
  error: GraphQLError,
): void {
  if (!isAsyncIterable(result)) return;
  void result[Symbol.asyncIterator]().return?.();
  setResult({ errors: [error] });
}

const inMultipart = 'A subscription cannot be sent as a multipart request: send it as JSON.';
const byTicket = 'A ticket opens a subscription: send other operations with the header Authorization.';
const inBatch = 'A subscription cannot be sent in a batch: send it by itself.';
const notStreamed =
  'A subscription is streamed: send the header Accept: text/event-stream, or use a WebSocket with the subprotocol graphql-transport-ws.';

function refusal(status: number, message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_REQUEST', http: { status } } });
}
