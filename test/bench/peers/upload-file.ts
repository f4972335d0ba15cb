import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** The least that an upload takes: the body of a request goes into a file as it is. */
const [, , directory = '.'] = process.argv;
const server = createServer(async (request, response) => {
  await pipeline(request, createWriteStream(join(directory, randomUUID())));
  response.end('{"data":{}}');
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`);
