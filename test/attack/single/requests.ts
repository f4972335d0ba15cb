import { toGet, toPost } from '../wire.ts';

/** One attack: a request over HTTP as its bytes, or messages over a WebSocket. */
export interface Attack {
  name: string;
  /** Viewer who attacks: nobody unless given; `member` is a user with many channels full of messages. */
  as?: 'guest' | 'member';
  make(token: string): Wire;
}

type Wire = { bytes: string | Buffer } | { payload?: unknown; frames: readonly (string | Buffer)[] };

/** Attack by the body of a POST: text and bytes unchanged, anything else as JSON. */
export function byBody(name: string, body: unknown, as?: Attack['as'], headers: Record<string, string> = {}): Attack {
  const text = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  return withViewer(as, {
    name,
    make: (token) => ({ bytes: toPost(text, { ...(as ? { Authorization: `Bearer ${token}` } : {}), ...headers }) }),
  });
}

/** Attack by an operation, over HTTP and over a WebSocket. */
export function byOperation(name: string, query: string, variables: object = {}, as?: Attack['as']): Attack[] {
  const overSocket = withViewer(as, {
    name: `${name}, WebSocket`,
    make: (token) => ({ payload: as ? { token } : {}, frames: [toSubscribe({ query, variables })] }),
  });
  return [byBody(name, { query, variables }, as), overSocket];
}

/** Attack by messages over a WebSocket. */
export function byFrames(name: string, frames: readonly (string | Buffer)[], payload: unknown = {}): Attack {
  return { name, make: () => ({ payload, frames }) };
}

/** Attack by the headers of a request without a body. */
export function byHeaders(name: string, path: string, headers: Record<string, string> = {}): Attack {
  return { name, make: () => ({ bytes: toGet(path, headers) }) };
}

/** Attack by the whole text of a request. */
export function byText(name: string, bytes: string | Buffer): Attack {
  return { name, make: () => ({ bytes }) };
}

/** Returns the message that starts an operation. */
export function toSubscribe(payload: object, id = 'attack'): string {
  return JSON.stringify({ type: 'subscribe', id, payload });
}

/** Returns a list of texts, each made from its index. */
export function times<Item>(count: number, item: (n: number) => Item): Item[] {
  return Array.from({ length: count }, (_, n) => item(n));
}

function withViewer(as: Attack['as'], attack: Attack): Attack {
  return as ? { ...attack, as } : attack;
}
