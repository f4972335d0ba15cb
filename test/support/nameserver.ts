import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** Says of every name that it has one address, which a test may change. */
export interface Nameserver {
  /** `address:port` of the server. */
  at: string;
  /** From now on names have this IPv4 address. */
  point(address: string): void;
  stop(): void;
}

/** A nameserver over UDP by RFC 1035, section 4.1, as far as an address takes. */
export async function startNameserver(address: string): Promise<Nameserver> {
  let current = address;
  const socket = createSocket('udp4');
  socket.on('message', (query, { port }) => socket.send(answer(query, current), port, '127.0.0.1'));
  await once(socket.bind(0, '127.0.0.1'), 'listening');
  return {
    at: `127.0.0.1:${socket.address().port}`,
    point(address) {
      current = address;
    },
    stop: () => void socket.close(),
  };
}

const headBytes = 12;
const typeA = 1;

function answer(query: Buffer, address: string): Buffer {
  const end = query.indexOf(0, headBytes) + 5;
  const question = query.subarray(headBytes, end);
  const isAddress = query.readUInt16BE(end - 4) === typeA;
  const head = Buffer.alloc(headBytes);
  query.copy(head, 0, 0, 2);
  // An answer, recursion done, of one question.
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(isAddress ? 1 : 0, 6);
  // The name of the question, A, IN, kept for no second, four bytes.
  const record = Buffer.from([0xc0, headBytes, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]);
  return Buffer.concat([head, question, isAddress ? record : Buffer.alloc(0)]);
}
