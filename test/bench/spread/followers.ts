import { openWire, type Wire } from '../wire.ts';

/** Users who each follow their channels over one socket. */
export interface Followers {
  wires: readonly Wire[];
  /** Number of messages that were delivered. */
  delivered(): number;
  /** Number of users who have everything that they asked for. */
  ready(): number;
  /** The newest cursor of each user; null before the first. */
  cursors: readonly (string | null)[];
  close(): void;
}

/** How a user follows: the operations of one socket, and when everything was said that they begin with. */
export interface Way {
  operations(user: number): readonly { query: string; variables: object }[];
  isReady(text: Buffer): boolean;
}

const connectionsAtOnce = 100;
const next = Buffer.from('"type":"next"');
const message = Buffer.from('"seq":');
const cursorKey = Buffer.from('"cursor":"');

/** Connects one socket for each token. */
export async function connectFollowers(port: number, tokens: readonly string[], way: Way): Promise<Followers> {
  const wires: Wire[] = [];
  const cursors: (string | null)[] = tokens.map(() => null);
  let [delivered, ready] = [0, 0];

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
    if (way.isReady(text)) ready++;
    const at = text.indexOf(cursorKey);
    if (at >= 0)
      cursors[user] = text.toString('latin1', at + cursorKey.length, text.indexOf('"', at + cursorKey.length));
  }

  for (let from = 0; from < tokens.length; from += connectionsAtOnce) {
    const some = tokens.slice(from, from + connectionsAtOnce).map((_, n) => connectOne(from + n));
    wires.push(...(await Promise.all(some)));
  }
  return {
    wires,
    delivered: () => delivered,
    ready: () => ready,
    cursors,
    close() {
      for (const wire of wires) wire.close();
    },
  };
}
