import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Byte stream to a server, for requests that a test writes byte by byte. */
export interface RawConnection {
  write(bytes: string | Buffer): void;
  /** Resolves with the head of the response: the lines before the empty one. */
  head(): Promise<string>;
  /** Resolves with the rest of the response, when the server has closed the connection. */
  rest(): Promise<string>;
  /** Resolves with the text of the next WebSocket frame; control frames are skipped. */
  frame(): Promise<string>;
  destroy(): void;
}

const textOpcode = 0x1;

/** Connects to the server at `url`. */
export async function connectRaw(url: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  let buffered = Buffer.alloc(0);
  const chunks = readChunks(socket);

  return {
    write: (bytes) => void socket.write(bytes),
    async head() {
      while (!buffered.includes('\r\n\r\n')) await read();
      return String(take(buffered.indexOf('\r\n\r\n') + 4));
    },
    async rest() {
      while (await read().catch(() => false));
      return String(take(buffered.length));
    },
    async frame() {
      for (;;) {
        const { opcode, payload } = await readFrame();
        if (opcode === textOpcode) return String(payload);
      }
    },
    destroy: () => void socket.destroy(),
  };

  async function readFrame(): Promise<{ opcode: number; payload: Buffer }> {
    const [first = 0, second = 0] = await needed(2);
    const length = second < 126 ? second : (await needed(2)).readUInt16BE();
    return { opcode: first & 0x7f, payload: await needed(length) };
  }

  async function needed(length: number): Promise<Buffer> {
    while (buffered.length < length) await read();
    return take(length);
  }

  function take(length: number): Buffer {
    const taken = buffered.subarray(0, length);
    buffered = buffered.subarray(length);
    return taken;
  }

  async function read(): Promise<true> {
    const { value, done } = await chunks.next();
    if (done) throw new Error(`The connection has ended after: ${buffered}`);
    buffered = Buffer.concat([buffered, value]);
    return true;
  }
}

async function* readChunks(socket: Socket): AsyncGenerator<Buffer, void> {
  for await (const chunk of socket) yield chunk as Buffer;
}

/** Returns a text as a frame of a client: masked, with a key of zeros (RFC 6455, section 5.3). */
export function clientFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const length = payload.length < 126 ? [payload.length] : [126, payload.length >> 8, payload.length & 0xff];
  const [first = 0, ...more] = length;
  return Buffer.concat([Buffer.from([0x80 | textOpcode, 0x80 | first, ...more, 0, 0, 0, 0]), payload]);
}
