import { type Client, createClient } from 'graphql-ws';
import { backoff } from '../../client/src/urql/backoff.ts';
import type { ChatOptions } from './chat.ts';

/** Close code: the server refused the token, or the token has expired. */
const tokenRefused = 4403;

// snippet: socket
/** Creates a graphql-ws client that reconnects after any close, and with a new token if the server refused the last one. */
export function createSocket({ url, session, webSocketImpl }: ChatOptions): Client {
  let sent: string | null = null;
  let isRefused = false;
  return createClient({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl,
    connectionParams: async () => {
      sent = await session.token();
      return sent === null ? {} : { authorization: `Bearer ${sent}` };
    },
    on: {
      closed: (event) => {
        isRefused = (event as CloseEvent).code === tokenRefused;
      },
    },
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: async (attempt) => {
      if (isRefused && sent !== null) await session.renew(sent).catch(() => null);
      await new Promise((resolve) => setTimeout(resolve, backoff(attempt)));
    },
  });
}
// end

// snippet: resume
/** Subscribes for a client that reads `after` once: each connection resumes after the newest position received. */
export function subscribeResuming(
  socket: Client,
  { query, variables }: { query: string; variables: Record<string, unknown> },
  sink: ExecutionSink,
): () => void {
  let { after } = variables;
  const resuming = {
    ...variables,
    get after() {
      return after;
    },
  };
  return socket.subscribe<{ messages?: { position: number } }>(
    { query, variables: resuming },
    {
      ...sink,
      next(result) {
        after = result.data?.messages?.position ?? after;
        sink.next(result);
      },
    },
  );
}
// end

/** Receiver of results, as urql and Relay hand one over. */
interface ExecutionSink {
  next(result: object): void;
  error(error: unknown): void;
  complete(): void;
}
