import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { createMessage, listenForControl } from './control.ts';

/** Socket.IO, with its rooms. */
const server = createServer();
const io = new Server(server, { transports: ['websocket'], perMessageDeflate: false });
io.on('connection', (socket) => {
  socket.on('join', (room: string) => void socket.join(room));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
await listenForControl((server.address() as AddressInfo).port, (room, text) => {
  io.to(room).emit('message', createMessage(room, text));
});
