import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { z } from 'zod';
import { createListener } from '../gateway/http/listener.ts';
import type { Logger } from '../logger.ts';
import { codeOf, reasonOf, StartError } from '../start-errors.ts';
import { type Action, ActionError } from './actions.ts';

/** Maximum bytes of a body. */
const maxBodyBytes = 65_536;

/** Names of this machine (RFC 6761, section 6.3): other ones may be a foreign page's, by a name server of its own. */
const ownName = /^(?:[\w-]+\.)*localhost$/i;
const ownAddress = /^(?:127(?:\.\d+){3}|\[::1\])$/;

/** Seconds for which browsers remember a preflight. */
const maxAgeSeconds = 7_200;

/** Actions that change nothing, which are read by GET. */
const readable = ['state', 'seed'];

/**
 * Creates the control address of an ephemeral server, on a port of its own: it responds while the server is away, and no other server
 * has it. Actions are `POST /NAME` with their input as JSON, or `GET /NAME` for those that change nothing.
 */
export function createControl(options: { port: number; actions: Readonly<Record<string, Action>>; logger: Logger }) {
  const { actions, logger } = options;
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      // A stop interrupts a restart.
      if (response.destroyed) return;
      logger.error({ error }, 'a control request failed');
      send(response, 500, { error: reasonOf(error) });
    });
  });
  const listener = createListener(server, { host: '127.0.0.1', port: options.port });

  return {
    url: () => `http://127.0.0.1:${listener.port()}`,
    /** @throws StartError if the port is taken */
    start: () => listener.start().catch(explainPort),
    async stop(): Promise<void> {
      const closed = listener.close();
      listener.disconnectAll();
      await closed;
    },
  };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    if (!isFromHere(request))
      return send(response, 403, { error: 'Only pages and programs of this machine may use this.' });
    if (headers.origin !== undefined) permit(response, headers.origin);
    if (method === 'OPTIONS') return void response.writeHead(204).end();
    const [name = ''] = url.slice(1).split('?', 1);
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    const isReading = readable.includes(name);
    if (action === undefined)
      return send(response, 404, { error: `There are these actions: ${Object.keys(actions).join(', ')}.` });
    if (method !== (isReading ? 'GET' : 'POST'))
      return send(response, 405, { error: `Use ${isReading ? 'GET' : 'POST'} for ${name}.` });
    await run(action, isReading ? '' : await readBody(request), response);
  }

  function explainPort(error: unknown): never {
    const taken = error instanceof StartError ? codeOf(error.cause) : null;
    if (taken !== 'EADDRINUSE' && taken !== 'EACCES') throw error;
    throw new StartError(`--control-port ${options.port} cannot be used: choose another one. (${reasonOf(error)})`, {
      cause: error,
    });
  }

  async function run(action: Action, body: string | null, response: ServerResponse): Promise<void> {
    if (body === null) return send(response, 413, { error: `A body has at most ${maxBodyBytes} bytes.` });
    try {
      const input = action.input.parse(body.trim() === '' ? {} : JSON.parse(body));
      send(response, 200, await action.run(input as never));
    } catch (error) {
      if (error instanceof z.ZodError) return send(response, 400, { error: z.prettifyError(error) });
      if (!(error instanceof ActionError || error instanceof SyntaxError)) throw error;
      send(response, 400, { error: error.message });
    }
  }
}

/** A literal address as the host is no name that a foreign page could own: emulators reach this machine by one of their own. */
function isFromHere({ headers: { host = '', origin } }: IncomingMessage): boolean {
  const target = hostnameOf(`http://${host}`);
  if (!ownName.test(target) && isIP(target.replace(/^\[|\]$/g, '')) === 0) return false;
  return origin === undefined || isOwn(hostnameOf(origin));
}

function isOwn(hostname: string): boolean {
  return ownName.test(hostname) || ownAddress.test(hostname);
}

function hostnameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}

function permit(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-allow-headers', 'content-type');
  response.setHeader('access-control-allow-methods', 'GET, POST');
  response.setHeader('access-control-max-age', maxAgeSeconds);
  response.setHeader('vary', 'Origin');
}

/** Returns the body of a request; null if it is too long. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    // The rest is read and forgotten, so that the client gets its response.
    if (bytes <= maxBodyBytes) chunks.push(chunk);
  }
  return bytes > maxBodyBytes ? null : Buffer.concat(chunks).toString();
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}
