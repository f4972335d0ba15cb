import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import { mercurius } from 'mercurius';
import { createMessage, listenForControl } from './control.ts';
import { createPeerSchema } from './schema.ts';
import { createTopics } from './topics.ts';

/** Mercurius, with its compiled queries. */
const topics = createTopics<unknown>();
const app = fastify();
await app.register(mercurius, { schema: createPeerSchema(topics.follow), subscription: true, jit: 1 });
await app.listen({ port: 0, host: '127.0.0.1' });
const [address] = app.addresses() as AddressInfo[];
await listenForControl(address?.port ?? 0, (room, text) => topics.publish(room, createMessage(room, text)));
