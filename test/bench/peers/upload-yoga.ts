import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createSchema, createYoga } from 'graphql-yoga';

/** Yoga's own multipart requests, as its documentation shows them, written to a file. */
const [, , directory = '.'] = process.argv;
const schema = createSchema({
  typeDefs:
    'scalar File type Query { a: Int } type Mutation { upload(file: File!): Upload } type Upload { byteSize: Int }',
  resolvers: {
    Mutation: {
      async upload(_root, { file }: { file: File }) {
        await pipeline(
          Readable.from(file.stream() as unknown as AsyncIterable<Uint8Array>),
          createWriteStream(join(directory, randomUUID())),
        );
        return { byteSize: file.size };
      },
    },
  },
});
const server = createServer(createYoga({ schema, logging: false, maxRequestBodySize: false }));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`);
