import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Minimal WebSocket client: thousands of them use little CPU time compared with the server. */
export interface Wire {
  socket: Socket;
  /** Sends a text. */
  send(text: string): void;
  close(): void;
}

/**
 * Opens a WebSocket over a raw TCP socket.
 * @param onText called with each text message, whose bytes are only valid during the call
 */
export async function openWire(
  { port, path, protocol }: { port: number; path: string; protocol?: string },
  onText: (text: Buffer, wire: Wire) => void,
): Promise<Wire> {
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  await once(socket, 'connect');
  const wire: Wire = {
    socket,
    send: (text) => void socket.write(maskedText(text)),
    close: () => void socket.destroy(),
  };
  const opened = new Promise<void>((resolve, reject) => {
    socket.once('error', reject).once('close', () => reject(new Error('the server closed the connection')));
    readFrames(socket, resolve, (text) => onText(text, wire));
  });
  const named = protocol ? `Sec-WebSocket-Protocol: ${protocol}\r\n` : '';
  const key = randomBytes(16).toString('base64');
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${named}Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  await opened;
  return wire;
}

/** Creates the pong for a ping, masked with zeros. */
function pong(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x8a, 0x80 | data.length, 0, 0, 0, 0]), data]);
}

function readFrames(socket: Socket, onOpen: () => void, onText: (text: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  let isOpen = false;
  socket.on('data', (chunk: Buffer) => {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (!isOpen) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end >= 0) {
        isOpen = true;
        bytes = bytes.subarray(end + 4);
        onOpen();
      }
    }
    let at = 0;
    if (isOpen) {
      for (let end = frameEnd(bytes, at); end > 0; end = frameEnd(bytes, at)) {
        const opcode = (bytes[at] ?? 0) & 15;
        if (opcode === 1) onText(bytes.subarray(at + headerOf(bytes, at), end));
        else if (opcode === 9) socket.write(pong(bytes.subarray(at + headerOf(bytes, at), end)));
        at = end;
      }
    }
    rest = bytes.subarray(at);
  });
}

function headerOf(bytes: Buffer, at: number): number {
  const short = (bytes[at + 1] ?? 0) & 127;
  return short === 126 ? 4 : short === 127 ? 10 : 2;
}

/** Returns the end of the frame that begins at an offset; 0 if the frame is incomplete. */
function frameEnd(bytes: Buffer, at: number): number {
  if (bytes.length - at < 2) return 0;
  const header = headerOf(bytes, at);
  if (bytes.length - at < header) return 0;
  const length =
    header === 4
      ? bytes.readUInt16BE(at + 2)
      : header === 10
        ? Number(bytes.readBigUInt64BE(at + 2))
        : (bytes[at + 1] ?? 0) & 127;
  const end = at + header + length;
  return end <= bytes.length ? end : 0;
}

/** Creates a client's frame, masked with zeros: a random mask is only needed against proxies. */
function maskedText(text: string): Buffer {
  const body = Buffer.from(text);
  const { length } = body;
  const header =
    length < 126
      ? Buffer.from([0x81, 0x80 | length, 0, 0, 0, 0])
      : Buffer.from([0x81, 0x80 | 126, length >> 8, length & 255, 0, 0, 0, 0]);
  return Buffer.concat([header, body]);
}
