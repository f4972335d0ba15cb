import { type Client, createClient } from 'graphql-ws';

/** State of a view, as a component would render it. */
export interface ChannelView {
  status: 'connecting' | 'live' | 'offline' | 'signed out';
  /** Texts of the messages, in order. */
  texts: string[];
}

const messages = `subscription Messages($channelId: ID!, $after: Int!) {
  messages(channelId: $channelId, after: $after) { seq position text }
}`;

/** Close code: the token is no longer valid. */
const tokenRefused = 4403;

/**
 * Follows a channel: the code of an application, which the test beside it tests.
 * @param options.onChange called with each new state
 * @returns a function that stops
 */
export function followChannel(options: {
  url: string;
  token: string;
  channelId: string;
  onChange(view: ChannelView): void;
  /** The `WebSocket` constructor, for environments without a global one. */
  webSocketImpl?: unknown;
}): () => void {
  const texts = new Map<number, string>();
  let status: ChannelView['status'] = 'connecting';
  let position = 0;
  const client: Client = createClient({
    url: `${options.url.replace(/^http/, 'ws')}/graphql`,
    webSocketImpl: options.webSocketImpl,
    lazy: false,
    connectionParams: { token: options.token },
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: (event) => (event as CloseEvent).code !== tokenRefused,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 20)),
    on: {
      connected: () => show('live'),
      closed: (event) => show((event as CloseEvent).code === tokenRefused ? 'signed out' : 'offline'),
    },
    onNonLazyError: () => {},
  });
  const variables = {
    channelId: options.channelId,
    get after() {
      return position;
    },
  };
  const stop = client.subscribe<{ messages: { seq: number; position: number; text: string } }>(
    { query: messages, variables },
    {
      next({ data }) {
        if (!data) return;
        position = data.messages.position;
        texts.set(data.messages.seq, data.messages.text);
        show(status);
      },
      error: () => {},
      complete: () => {},
    },
  );
  return () => {
    stop();
    void client.dispose();
  };

  function show(next: ChannelView['status']): void {
    status = next;
    const sorted = [...texts].sort(([one], [other]) => one - other);
    options.onChange({ status, texts: sorted.map(([, text]) => text).filter((text) => text !== '') });
  }
}
