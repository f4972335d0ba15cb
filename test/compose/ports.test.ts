import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openPorts, type Ports } from '../../api/compose/ports.ts';
import { readConfig } from '../../api/config.ts';
import { createLogger } from '../../api/logger.ts';

const logger = createLogger('silent');
const isThere = { database: {}, pubsub: {}, state: {}, log: {} } as Ports;

it.each([
  { status: 409, problem: 'OperationAborted' },
  { status: 429, problem: 'TooManyRequests' },
])('a start waits for a store that responds with $status while it is busy', async ({ status, problem }) => {
  const { port, requests } = await openStore(status, problem);
  const { objects } = await openWith(port);
  await objects?.stop();
  expect(requests).toContain('PUT');
  expect(requests.at(-1)).toBe('HEAD');
});

it('a start does not wait for a store that refuses the key', async () => {
  const { port, requests } = await openStore(403, 'AccessDenied');
  await expect(openWith(port)).rejects.toThrow(/^The bucket parley .* with status 403/);
  expect(requests).toEqual(['HEAD', 'PUT']);
});

/** Starts a store that has no bucket, and refuses to create it; then it has one. */
async function openStore(status: number, problem: string): Promise<{ port: number; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer(({ method = '' }, response) => {
    const hasBucket = requests.includes('PUT');
    requests.push(method);
    if (method === 'HEAD') response.writeHead(hasBucket ? 200 : 404).end();
    else response.writeHead(status).end(`<Error><Code>${problem}</Code></Error>`);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, requests };
}

async function openWith(port: number): Promise<Ports> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-ports-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const config = readConfig({
    DATA_DIR: directory,
    S3_BUCKET: 'parley',
    S3_ENDPOINT: `http://127.0.0.1:${port}`,
    S3_ACCESS_KEY_ID: 'key',
    S3_SECRET_ACCESS_KEY: 'secret',
  });
  const open = async <Part>(_name: string, part: Part | Promise<Part>) => part;
  return openPorts({ config, logger, open, stopping: new AbortController().signal }, isThere);
}
