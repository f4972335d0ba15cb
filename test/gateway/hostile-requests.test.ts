import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';

let running: Awaited<ReturnType<typeof startGateway>>;

beforeAll(async () => {
  running = await startGateway();
});
afterAll(() => running.gateway.stop());

/** Sends bytes, and returns everything that comes back until the connection closes. */
async function exchange(text: string): Promise<string> {
  const socket = connect(Number(new URL(running.url).port), '127.0.0.1');
  let received = '';
  socket.on('data', (data) => {
    received += String(data);
  });
  socket.on('error', () => {});
  socket.write(text);
  await once(socket, 'close');
  return received;
}

const end = 'Connection: close\r\n\r\n';
const json = '{"query":"{ hello }"}';
const posted = `Content-Type: application/json\r\nContent-Length: ${json.length}\r\n`;

describe('a request', () => {
  it.each([
    ['with an invalid Host', `GET /graphql?query={hello} HTTP/1.1\r\nHost: a b<>\r\n${end}`, 400],
    ['with a Host of an invalid port', `POST /graphql HTTP/1.1\r\nHost: a:99999\r\n${posted}${end}${json}`, 400],
    ['with two Hosts', `GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n${end}`, 400],
    ['for another scheme', `GET ftp://x/health HTTP/1.1\r\nHost: x\r\n${end}`, 400],
    ['by TRACE', `TRACE / HTTP/1.1\r\nHost: x\r\n${end}`, 405],
    ['by CONNECT', `CONNECT x:443 HTTP/1.1\r\nHost: x\r\n${end}`, 405],
    ['by PATCH', `PATCH /graphql HTTP/1.1\r\nHost: x\r\n${end}`, 405],
    ['with an unknown Expect', `GET /health HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n${end}`, 417],
    ['with many headers', `GET /health HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(200)}${end}`, 431],
    ['of a malformed escape', `GET /files/%E0%A4%A HTTP/1.1\r\nHost: x\r\n${end}`, 400],
  ])('%s is refused without a stack trace or an error in the log', async (_name, text, status) => {
    running.backstage.logger.lines.length = 0;
    const response = await exchange(text);
    expect(response).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(response).not.toMatch(/node_modules|\.ts:|\.js:/);
    expect(running.backstage.logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('in absolute form is served', async () => {
    const response = await exchange(`GET http://x/health HTTP/1.1\r\nHost: x\r\n${end}`);
    expect(response).toMatch(/^HTTP\/1\.1 200 /);
  });

  it.each(['h2c', 'TLS/1.0', 'h2c, foo'])('that asks for %s is served without it', async (protocol) => {
    const upgrade = `Connection: close, Upgrade, HTTP2-Settings\r\nUpgrade: ${protocol}\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`;
    const response = await exchange(`POST /graphql HTTP/1.1\r\nHost: x\r\n${posted}${upgrade}${json}`);
    expect(response).toMatch(/^HTTP\/1\.1 200 /);
    expect(response).toContain('Hello world');
  });

  it('of a form needs a header that other pages cannot send', async () => {
    const form = async (headers: Record<string, string>) => {
      const type = { 'content-type': 'application/x-www-form-urlencoded' };
      const init = { method: 'POST', body: 'query=mutation{touch}', headers: { ...type, ...headers } };
      return (await fetch(`${running.url}/graphql`, init)).status;
    };
    expect(await form({})).toBe(400);
    expect(await form({ 'graphql-require-preflight': '1' })).toBe(200);
  });
});

describe('a page of another origin', () => {
  const handshake = (origin: string) =>
    `GET /graphql HTTP/1.1\r\nHost: x\r\nOrigin: ${origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;

  it('may not use the API; the own page and listed origins may', async () => {
    const listed = await startGateway({ allowedOrigins: ['https://app.example'], publicUrl: 'https://chat.example' });
    const statusOf = async (headers: Record<string, string>) => {
      const init = { method: 'POST', body: json, headers: { 'content-type': 'application/json', ...headers } };
      return (await fetch(`${listed.url}/graphql`, init)).status;
    };
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1', 'https://app.example.evil'])
      expect(await statusOf({ origin }), origin).toBe(403);
    for (const origin of ['https://app.example', 'https://chat.example', listed.url])
      expect(await statusOf({ origin }), origin).toBe(200);
    expect(await statusOf({})).toBe(200);
    await listed.gateway.stop();
  });

  it('gets no WebSocket', async () => {
    expect(await exchange(handshake('https://evil.example'))).toMatch(/^HTTP\/1\.1 403 /);
  });
});

it('every response has the security headers', async () => {
  for (const path of ['/health', '/graphql?query={hello}', '/nothing.txt', '/avatars/x']) {
    const { headers } = await fetch(`${running.url}${path}`, { headers: { accept: 'application/json' } });
    expect(headers.get('x-content-type-options'), path).toBe('nosniff');
    expect(headers.get('content-security-policy'), path).toContain('frame-ancestors');
    expect(headers.get('strict-transport-security')).toBeNull();
  }
  const secure = await startGateway({ publicUrl: 'https://chat.example' });
  const { headers } = await fetch(`${secure.url}/health`);
  expect(headers.get('strict-transport-security')).toContain('max-age');
  await secure.gateway.stop();
});

it('a page that did not change keeps its content policy', async () => {
  const clientDir = await mkdtemp(join(tmpdir(), 'parley-client-'));
  await writeFile(join(clientDir, 'index.html'), '<!doctype html><title>Parley</title>');
  const { url, gateway } = await startGateway({ clientDir });
  const first = await fetch(url);
  await first.text();
  const again = await fetch(url, { headers: { 'if-none-match': first.headers.get('etag') ?? '' } });
  expect(again.status).toBe(304);
  expect(first.headers.get('content-security-policy')).toContain("default-src 'self'");
  for (const name of ['content-security-policy', 'referrer-policy'])
    expect(again.headers.get(name)).toBe(first.headers.get(name));
  await gateway.stop();
  await rm(clientDir, { recursive: true });
});

it('GraphiQL is served only where it is on', async () => {
  const closed = await startGateway({ graphiql: false });
  const headers = { accept: 'text/html' };
  expect((await fetch(`${closed.url}/graphql`, { headers })).status).toBe(404);
  expect((await fetch(`${running.url}/graphql`, { headers })).status).toBe(200);
  await closed.gateway.stop();
});

it('X-Forwarded-For is warned about once if no proxy is trusted', async () => {
  running.backstage.logger.lines.length = 0;
  const headers = { 'x-forwarded-for': '203.0.113.9', accept: 'application/json' };
  for (let n = 0; n < 3; n++) await fetch(`${running.url}/graphql?query={hello}`, { headers });
  expect(running.backstage.logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
});
