import type { ExecutionResult } from 'graphql';
import { type FetchAPI, isAsyncIterable } from 'graphql-yoga';

/** Milliseconds between two keep-alives; Apollo's protocol suggests five seconds or more. */
const keepAliveMs = 12_000;
const plainType = 'multipart/mixed;boundary="graphql"';
const subscriptionType = `${plainType};subscriptionSpec=1.0`;

/**
 * Creates a response of type `multipart/mixed`: one part for each result, and an empty object as a keep-alive.
 * @param result masked results, or a single one
 * @param isSubscription whether it follows Apollo's protocol of subscriptions, in which a part has the result as `payload`
 *   (https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol)
 */
export function multipartStream(
  result: AsyncIterable<ExecutionResult> | ExecutionResult,
  isSubscription: boolean,
  { ReadableStream, Response, TextEncoder }: FetchAPI,
): Response {
  const results = (isAsyncIterable(result) ? result : once(result))[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let timer: NodeJS.Timeout | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode('--graphql'));
      const keepAlive = () => (controller.desiredSize ?? 0) > 0 && controller.enqueue(encoder.encode(partOf('{}')));
      timer = setInterval(keepAlive, keepAliveMs).unref();
    },
    async pull(controller) {
      const { done, value } = await results.next();
      if (!done)
        return controller.enqueue(encoder.encode(partOf(JSON.stringify(isSubscription ? { payload: value } : value))));
      clearInterval(timer);
      controller.enqueue(encoder.encode('--\r\n'));
      controller.close();
    },
    cancel() {
      clearInterval(timer);
      void results.return?.();
    },
  });
  const type = isSubscription ? subscriptionType : plainType;
  return new Response(body, { headers: { 'content-type': type, 'cache-control': 'no-cache' } });
}

/** The boundary follows each part at once, so that its reader need not wait for the next one. */
function partOf(json: string): string {
  return `\r\nContent-Type: application/json\r\n\r\n${json}\r\n--graphql`;
}

async function* once(result: ExecutionResult): AsyncGenerator<ExecutionResult> {
  yield result;
}
