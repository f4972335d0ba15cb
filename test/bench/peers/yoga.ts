import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionArgs } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { createYoga } from 'graphql-yoga';
import { WebSocketServer } from 'ws';
import { createMessage, listenForControl } from './control.ts';
import { createPeerSchema } from './schema.ts';
import { createTopics } from './topics.ts';

/** GraphQL Yoga with graphql-ws, as its documentation sets them up. */
const topics = createTopics<unknown>();
const yoga = createYoga({ schema: createPeerSchema(topics.follow), logging: false });
const server = createServer(yoga);
const sockets = new WebSocketServer({ server, path: '/graphql', perMessageDeflate: false });

type Enveloped = ReturnType<typeof yoga.getEnveloped>;
const envelopedOf = (args: ExecutionArgs) => (args.rootValue as { enveloped: Enveloped }).enveloped;

useServer(
  {
    execute: (args) => envelopedOf(args).execute(args),
    subscribe: (args) => envelopedOf(args).subscribe(args),
    async onSubscribe(_context, _id, params) {
      const enveloped: Enveloped = yoga.getEnveloped({ params });
      const { schema, parse, validate, contextFactory } = enveloped;
      const document = parse(params.query);
      const errors = validate(schema, document);
      if (errors.length > 0) return errors;
      return {
        schema,
        document,
        operationName: params.operationName ?? null,
        variableValues: params.variables ?? {},
        contextValue: await contextFactory(),
        rootValue: { enveloped },
      };
    },
  },
  sockets,
);
server.listen(0, '127.0.0.1');
await once(server, 'listening');
await listenForControl((server.address() as AddressInfo).port, (room, text) =>
  topics.publish(room, createMessage(room, text)),
);
