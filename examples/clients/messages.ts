import type { Message, User } from './chat.ts';
import type { SendInput } from './documents.ts';

// snippet: merge
/**
 * Returns the list with a message in its place. Of two states of one message the higher position wins, and a message
 * replaces the one with the same `clientId` that was shown while it was being sent.
 */
export function mergeMessage(list: readonly Message[], message: Message): Message[] {
  const known = list.find(({ id }) => id === message.id);
  if (known && known.position >= message.position) return [...list];
  const others = list.filter((other) => other.id !== message.id && !isSameSend(other, message));
  return [...others, message].sort((a, b) => a.seq - b.seq);
}

function isSameSend(a: Message, b: Message): boolean {
  return a.clientId !== null && a.clientId === b.clientId && a.author.id === b.author.id;
}

/** Returns the message to show until the server responds: the last of its channel. */
export function pendingMessage(author: User, { clientId, text }: SendInput): Message {
  const place = { seq: 2 ** 31 - 1, position: 0 };
  return { id: `pending:${clientId}`, kind: 'TEXT', clientId, text, author, attachments: [], ...place };
}
// end

// snippet: newest
/** Maximum number of messages whose newest state is remembered. */
const maxKnown = 10_000;

/**
 * Returns a function that replaces older states of messages in a result by the newest state received. Put it in front of
 * a normalized cache, which would let the last result win: the response to a query may be older than an event.
 */
export function createNewestStates() {
  const known = new Map<string, State>();
  return replaceOlder;

  function replaceOlder<T>(data: T): T {
    if (Array.isArray(data)) return data.map(replaceOlder) as T;
    if (typeof data !== 'object' || data === null) return data;
    const copy = Object.fromEntries(Object.entries(data).map(([name, value]) => [name, replaceOlder(value)]));
    return (isState(copy) ? newest(copy) : copy) as T;
  }

  function newest(state: State): State {
    const last = known.get(state.id);
    if (last && last.position > state.position) return { ...state, ...last };
    known.delete(state.id);
    known.set(state.id, state);
    if (known.size > maxKnown) known.delete(known.keys().next().value ?? '');
    return state;
  }
}

interface State {
  id: string;
  seq: number;
  position: number;
}

function isState(value: object): value is State {
  return 'id' in value && 'seq' in value && 'position' in value;
}
// end
