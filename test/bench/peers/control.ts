import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';

/** Creates the payload that every peer delivers, with the fields of a message of Parley. */
export function createMessage(room: string, text: string) {
  count++;
  return {
    id: `m_${String(count).padStart(22, '0')}`,
    seq: count,
    position: count,
    room,
    text,
    author: { id: 'u_0000000000000000000000', name: 'Somebody' },
  };
}
let count = 0;

/**
 * Lets a benchmark publish through a peer over TCP: each line is a room, a tab and a text. Prints the ports when it is ready.
 * @param port port of the peer itself
 */
export async function listenForControl(port: number, publish: (room: string, text: string) => void): Promise<void> {
  const server = createServer((socket) => {
    createInterface(socket).on('line', (line) => {
      const [room = '', text = ''] = line.split('\t');
      publish(room, text);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.stdout.write(`ready ${port} ${(server.address() as AddressInfo).port}\n`);
}
