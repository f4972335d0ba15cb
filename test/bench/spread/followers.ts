import { openWire, type Wire } from '../wire.ts';

/** Users who each follow their channels over one socket. */
export interface Followers {
  wires: readonly Wire[];
  /** Number of messages that were delivered. */
  delivered(): number;
  /** Number of users who have everything that they asked for. */
  ready(): number;
  /** The newest cursor of each user. */
  cursors: ReadonlyMap<number, string>;
  close(): void;
}

/** How a user follows. */
export interface Way {
  /** Returns the operations of one socket. */
  operations(user: number): readonly { query: string; variables: object }[];
  /** Whether a message says that the user has everything to begin with; null if none does. */
  isReady: ((text: Buffer) => boolean) | null;
}

const connectionsAtOnce = 100;
const next = Buffer.from('"type":"next"');
const message = Buffer.from('"seq":');
const cursorKey = Buffer.from('"cursor":"');

/**
 * Connects one socket for each user.
 * @param who.tokens the tokens of all users, by their number
 */
export async function connectFollowers(
  port: number,
  { users, tokens }: { users: readonly number[]; tokens: readonly string[] },
  way: Way,
): Promise<Followers> {
  const wires: Wire[] = [];
  const cursors = new Map<number, string>();
  const ready = new Set<number>();
  let delivered = 0;

  async function connectOne(user: number): Promise<Wire> {
    const address = { port, path: '/graphql', protocol: 'graphql-transport-ws' };
    const wire = await openWire(address, (text, self) => {
      if (text.includes('"connection_ack"')) subscribe(user, self);
      else if (text.includes(next)) take(user, text);
      else if (text.includes('"error"')) throw new Error(String(text));
    });
    wire.send(JSON.stringify({ type: 'connection_init', payload: { token: tokens[user] } }));
    return wire;
  }

  function subscribe(user: number, wire: Wire): void {
    for (const [n, payload] of way.operations(user).entries())
      wire.send(JSON.stringify({ id: String(n), type: 'subscribe', payload }));
  }

  function take(user: number, text: Buffer): void {
    if (text.includes(message)) delivered++;
    if (way.isReady?.(text)) ready.add(user);
    const at = text.indexOf(cursorKey);
    if (at < 0) return;
    const from = at + cursorKey.length;
    cursors.set(user, text.toString('latin1', from, text.indexOf('"', from)));
  }

  for (let from = 0; from < users.length; from += connectionsAtOnce) {
    const some = users.slice(from, from + connectionsAtOnce).map(connectOne);
    wires.push(...(await Promise.all(some)));
  }
  return {
    wires,
    delivered: () => delivered,
    ready: () => ready.size,
    cursors,
    close() {
      for (const wire of wires) wire.close();
    },
  };
}
