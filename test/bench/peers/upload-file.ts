import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Lower bound of an upload: writes the body of a request to a file unchanged. */
const [, , directory = '.'] = process.argv;
const server = createServer(async (request, response) => {
  await pipeline(request, createWriteStream(join(directory, randomUUID())));
  response.end('{"data":{}}');
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`);
