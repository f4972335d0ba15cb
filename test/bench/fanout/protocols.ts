import type { Wire } from '../wire.ts';

/** Protocol of the clients of one kind of server. */
export interface Protocol {
  path: string;
  protocol?: string;
  /** Sends the client's first message after it has connected. */
  hello(wire: Wire): void;
  /**
   * Handles a message of the server, and responds if the protocol requires it.
   * @param join called once when the client may subscribe to its rooms
   * @returns the number of room messages in it
   */
  handle(text: Buffer, wire: Wire, join: () => void): number;
  join(wire: Wire, rooms: readonly string[]): void;
}

const query =
  'subscription Messages($channelId: ID!) { messages(channelId: $channelId) { id seq position text author { id name } } }';
const acknowledged = Buffer.from('connection_ack');
const next = Buffer.from('"next"');

/** Creates the protocol graphql-transport-ws. */
export function graphqlTransport(token: string | null): Protocol {
  return {
    path: '/graphql',
    protocol: 'graphql-transport-ws',
    hello: (wire) => wire.send(JSON.stringify({ type: 'connection_init', payload: token === null ? {} : { token } })),
    handle(text, _wire, join) {
      if (text.includes(next)) return 1;
      if (text.includes(acknowledged)) join();
      else if (text.includes('"error"')) throw new Error(String(text));
      return 0;
    },
    join(wire, rooms) {
      for (const [n, channelId] of rooms.entries()) {
        const payload = { query, variables: { channelId } };
        wire.send(JSON.stringify({ id: `${subscriptionId}${n}`, type: 'subscribe', payload }));
      }
    },
  };
}
/** Id as long as those that graphql-ws generates. */
const subscriptionId = '0b5fd1c8-3a64-4f35-8a3c-1d2e3f4a5b6';

/** Creates the protocol of the plain broadcast. */
export const raw: Protocol = {
  path: '/',
  hello: () => {},
  handle: () => 1,
  join(wire, rooms) {
    for (const room of rooms) wire.send(room);
  },
};

/** Creates the protocol of Engine.IO 4 and Socket.IO 5: https://socket.io/docs/v4/socket-io-protocol */
export const socketIo: Protocol = {
  path: '/socket.io/?EIO=4&transport=websocket',
  hello: () => {},
  handle(text, wire, join) {
    const kind = String.fromCharCode(text[0] ?? 0, text[1] ?? 0);
    if (kind === '42') return 1;
    if (kind[0] === '0') wire.send('40');
    else if (kind === '40') join();
    else if (kind[0] === '2') wire.send('3');
    return 0;
  },
  join(wire, rooms) {
    for (const room of rooms) wire.send(`42${JSON.stringify(['join', room])}`);
  },
};

const pushed = Buffer.from('"push"');

/** Creates Centrifuge's JSON protocol: a frame may contain several messages, one per line. */
export const centrifuge: Protocol = {
  path: '/connection/websocket',
  hello: (wire) => wire.send('{"id":1,"connect":{}}'),
  handle(text, wire, join) {
    if (text.length < 4) wire.send('{}');
    if (text.includes('"connect"')) join();
    if (!text.includes(pushed)) return 0;
    let lines = 1;
    for (let at = text.indexOf(10); at >= 0 && at < text.length - 1; at = text.indexOf(10, at + 1)) lines++;
    return lines;
  },
  join(wire, rooms) {
    for (const [n, room] of rooms.entries()) wire.send(JSON.stringify({ id: n + 2, subscribe: { channel: room } }));
  },
};
