import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** DNS server that resolves every name to one address, which a test can change. */
export interface Nameserver {
  /** Address of the server: `address:port`. */
  at: string;
  /** Changes the IPv4 address to which names resolve. */
  point(address: string): void;
  stop(): void;
}

/** Starts a DNS server over UDP that supports address records only (RFC 1035, section 4.1). */
export async function startNameserver(address: string): Promise<Nameserver> {
  let current = address;
  const socket = createSocket('udp4');
  socket.on('message', (query, { port }) => socket.send(respond(query, current), port, '127.0.0.1'));
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

function respond(query: Buffer, address: string): Buffer {
  const end = query.indexOf(0, headBytes) + 5;
  const question = query.subarray(headBytes, end);
  const isAddress = query.readUInt16BE(end - 4) === typeA;
  const head = Buffer.alloc(headBytes);
  query.copy(head, 0, 0, 2);
  // Flags of a response with recursion, then the number of questions and of records.
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(isAddress ? 1 : 0, 6);
  // Pointer to the question's name, type A, class IN, TTL 0, four bytes of data.
  const record = Buffer.from([0xc0, headBytes, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]);
  return Buffer.concat([head, question, isAddress ? record : Buffer.alloc(0)]);
}
