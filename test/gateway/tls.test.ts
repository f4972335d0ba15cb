import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp } from '../support/app.ts';
import { makeCertificate } from '../support/certificate.ts';
import { runHealthcheck } from '../support/dockerfile.ts';
import { exchange, requestText } from '../support/raw-http.ts';

const run = promisify(execFile);

let directory: string;
let certificate: string;
let app: Awaited<ReturnType<typeof startApp>>;
let url: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'parley-tls-'));
  const made = await makeCertificate({ cwd: directory });
  certificate = made.certificate;
  app = await startApp({ TLS_CERT_FILE: certificate, TLS_KEY_FILE: made.key });
  url = app.url.replace('http://127.0.0.1', 'https://localhost');
});
afterAll(async () => {
  await app?.stop();
  await rm(directory, { recursive: true });
});

/** Program that signs in over HTTPS with fetch, sends a message and receives it over WSS with graphql-ws. */
const client = `
  const { guest, socket, followMessages } = await import('./test/support/client.ts');
  const url = process.argv[1];
  const { status } = await (await fetch(url + '/ready')).json();
  const ada = await guest(url, 'Ada');
  const { createRoom } = await ada.ask('mutation { createRoom(input: { name: "Room" }) { id } }');
  const sockets = socket(url, ada.token);
  const { received } = followMessages(sockets, createRoom.id, 0);
  await ada.ask('mutation ($id: ID!) { send(input: { channelId: $id, text: "hello" }) { message { id } } }', createRoom);
  while (received.length < 2) await new Promise(setImmediate);
  await sockets.dispose();
  console.log(JSON.stringify({ status, texts: received.map(({ text }) => text) }));`;

test('clients use HTTPS and WSS if the server has a certificate', async () => {
  // Node reads the certificates to trust at its start, so the client needs its own process.
  const arguments_ = ['--import', 'tsx', '--input-type=module', '-e', client, url];
  const { stdout } = await run(process.execPath, arguments_, { env: { NODE_EXTRA_CA_CERTS: certificate } });

  expect(JSON.parse(stdout)).toEqual({ status: 'ok', texts: ['', 'hello'] });
});

test('the health check of the image succeeds with any certificate and port', async () => {
  const { port } = new URL(url);
  expect(await runHealthcheck({ TLS_CERT_FILE: certificate, PORT: port })).toBe(0);
  expect(await runHealthcheck({ PORT: port })).toBe(1);
});

test('an upgrade that is ignored keeps its connection over TLS too', async () => {
  const headers = ['Connection: Upgrade', 'Upgrade: h2c'];
  const upgrade = requestText({ target: '/health', headers });
  const responses = await exchange(url, upgrade + upgrade + requestText({ target: '/health' }));
  expect(responses.map(({ status }) => status)).toEqual([200, 200, 200]);
});

test('plain HTTP gets no response, and a client that does not trust the certificate cannot connect', async () => {
  await expect(fetch(`${url}/health`)).rejects.toMatchObject({ cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } });
  await expect(fetch(`${url.replace('https', 'http')}/health`)).rejects.toThrow('fetch failed');
});
