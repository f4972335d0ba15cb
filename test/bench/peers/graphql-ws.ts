import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { createMessage, listenForControl } from './control.ts';
import { createPeerSchema } from './schema.ts';
import { createTopics } from './topics.ts';

/** graphql-ws with graphql-js, as its documentation sets it up. */
const topics = createTopics<unknown>();
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/graphql', perMessageDeflate: false });
useServer({ schema: createPeerSchema(topics.follow) }, server);
await once(server, 'listening');
await listenForControl((server.address() as AddressInfo).port, (room, text) =>
  topics.publish(room, createMessage(room, text)),
);
