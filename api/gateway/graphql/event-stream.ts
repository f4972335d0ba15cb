import type { StreamFormat } from './result-stream.ts';

/** Least milliseconds after which a browser connects again. */
const minRetryMs = 1_000;
/** Milliseconds over which the clients of a server that restarts come back. */
const retrySpreadMs = 4_000;

/** Progress of a stream of server-sent events. */
export interface StreamCursor {
  /**
   * Position or cursor up to which the reader has everything, once it has read the last result; null if the stream has none.
   */
  position: number | string | null;
  /** Text that follows the position in the ids of events; empty without one. */
  suffix: string;
}

/**
 * Returns the format of server-sent events (HTML, section 9.2) in the protocol of graphql-sse, distinct connections mode. An
 * event's `id` is the position to resume from, which `EventSource` sends as `Last-Event-ID`. The first block has an id and no
 * data, so that a reader that loses the connection before the first event can resume as well.
 * @param cursor read after each result
 */
export function eventStreamFormat(cursor: StreamCursor): StreamFormat {
  const retryMs = minRetryMs + Math.floor(Math.random() * retrySpreadMs);
  let sent = '';

  return {
    type: 'text/event-stream',
    start: `:\nretry: ${retryMs}\n${idLine()}\n`,
    part: (result) => `event: next\n${idLine()}data: ${JSON.stringify(result)}\n\n`,
    keepAlive: ':\n\n',
    end: 'event: complete\ndata:\n\n',
  };

  /** Browsers keep an id until the next one. */
  function idLine(): string {
    const { position, suffix } = cursor;
    const id = position === null && suffix === '' ? '' : `${position ?? ''}${suffix}`;
    if (id === sent) return '';
    sent = id;
    return `id: ${id}\n`;
  }
}
