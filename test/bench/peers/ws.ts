import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { createMessage, listenForControl } from './control.ts';

/** Plain broadcast: sends one string to every socket of a room. A client sends the names of its rooms. */
const rooms = new Map<string, Set<WebSocket>>();
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('connection', (socket) => {
  socket.on('message', (data) => {
    const room = String(data);
    rooms.set(room, (rooms.get(room) ?? new Set()).add(socket));
  });
  socket.once('close', () => {
    for (const members of rooms.values()) members.delete(socket);
  });
});
await once(server, 'listening');
await listenForControl((server.address() as AddressInfo).port, (room, text) => {
  const message = JSON.stringify(createMessage(room, text));
  for (const socket of rooms.get(room) ?? []) socket.send(message);
});
