import type { ExecutionResult } from 'graphql';
import { type FetchAPI, isAsyncIterable } from 'graphql-yoga';

/** Milliseconds between two keep-alives: proxies close connections that are idle for 30 to 60 seconds. */
export const keepAliveMs = 12_000;

/**
 * Headers of a response that is sent part by part: nobody keeps or changes it, and nginx passes each part on at once
 * (https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering).
 */
export const streamHeaders = { 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' };

/** Format of a stream of results. */
export interface StreamFormat {
  /** Media type with its parameters. */
  type: string;
  /** Text before the first result. */
  start: string;
  /** Returns the text of a result. */
  part(result: ExecutionResult): string;
  /** Text that says nothing, for connections that are idle. */
  keepAlive: string;
  /** Text after the last result. */
  end: string;
}

/**
 * Creates the response that streams results as their reader takes them.
 * @param result masked results, or a single one
 * @param headers further headers of the response
 */
export function resultStream(
  result: AsyncIterable<ExecutionResult> | ExecutionResult,
  { format, headers }: { format: StreamFormat; headers: Record<string, string> },
  { ReadableStream, Response, TextEncoder }: FetchAPI,
): Response {
  const results = (isAsyncIterable(result) ? result : once(result))[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let timer: NodeJS.Timeout | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(format.start));
      const keepAlive = () => (controller.desiredSize ?? 0) > 0 && controller.enqueue(encoder.encode(format.keepAlive));
      timer = setInterval(keepAlive, keepAliveMs).unref();
    },
    async pull(controller) {
      const { done, value } = await results.next();
      if (!done) return controller.enqueue(encoder.encode(format.part(value)));
      clearInterval(timer);
      controller.enqueue(encoder.encode(format.end));
      controller.close();
    },
    cancel() {
      clearInterval(timer);
      void results.return?.();
    },
  });
  return new Response(body, { headers: { ...headers, ...streamHeaders, 'content-type': format.type } });
}

async function* once(result: ExecutionResult): AsyncGenerator<ExecutionResult> {
  yield result;
}
