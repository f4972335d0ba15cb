import { WebSocket } from 'ws';

/** Error of a GraphQL response. */
export interface ResponseError {
  message: string;
  path?: (string | number)[];
  extensions: { code: string; [name: string]: unknown };
}

/** Result of one operation. */
export interface Result {
  data?: Record<string, unknown> | null;
  errors?: ResponseError[];
}

/** HTTP response whose body was read. */
export interface HttpResponse {
  status: number;
  headers: Headers;
  text: string;
  /** Parses the text as JSON; throws an error that describes the response if it is not JSON. */
  json(): unknown;
}

/** Options of a request. */
export interface RequestOptions {
  variables?: object;
  token?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/**
 * Posts a body to `/graphql`: a string unchanged, anything else as JSON.
 * @param url URL of the server, without a path
 */
export async function post(
  url: string,
  body: unknown,
  { token, headers, signal }: RequestOptions = {},
): Promise<HttpResponse> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal: signal ?? null,
  });
  const read = { status: response.status, headers: response.headers, text: await response.text() };
  const json = () => {
    try {
      return JSON.parse(read.text);
    } catch {
      throw unexpected('the response is not JSON', body, read);
    }
  };
  return { ...read, json };
}

/** Executes an operation and returns its result, including errors. */
export async function execute(url: string, query: string, options: RequestOptions = {}): Promise<Result> {
  const response = await post(url, { query, variables: options.variables }, options);
  return response.json() as Result;
}

/**
 * Executes an operation that must fail, and returns its only error.
 * @throws Error with the query, the response and the request id, if there is not exactly one error
 */
export async function executeFailing(url: string, query: string, options: RequestOptions = {}): Promise<ResponseError> {
  const response = await post(url, { query, variables: options.variables }, options);
  const [error, ...more] = (response.json() as Result).errors ?? [];
  if (error === undefined || more.length > 0) throw unexpected('not exactly one error', query, response);
  return error;
}

function unexpected(problem: string, body: unknown, { status, headers, text }: Omit<HttpResponse, 'json'>): Error {
  return new Error(`${problem}: ${body}\nstatus ${status}, request id ${headers.get('x-request-id')}\n${text}`);
}

/** Message of a server over a WebSocket. */
export interface Frame {
  type: string;
  id?: string;
  payload?: Result & ResponseError[];
}

/** WebSocket without a client library: the test decides which messages are sent. */
export interface RawSocket {
  socket: WebSocket;
  /** Sends an object as JSON; text and bytes unchanged. */
  send(message: object | string | Buffer): void;
  /** Starts an operation. */
  subscribe(id: string, query: string, variables?: object): void;
  /** Resolves with the next message; rejects if the socket closes before. */
  next(): Promise<Frame>;
  /** Resolves when the socket is closed. */
  closed: Promise<{ code: number; reason: string }>;
}

/**
 * Opens a WebSocket.
 * @param options.protocol subprotocols that are offered; an empty list offers none
 * @param options.headers further headers of the upgrade
 */
export async function openRaw(
  url: string,
  {
    protocol = 'graphql-transport-ws',
    headers = {},
  }: { protocol?: string | string[]; headers?: Record<string, string> } = {},
): Promise<RawSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocol, { headers });
  const frames: Frame[] = [];
  let waiting: (() => void)[] = [];
  let isOpen = true;
  const wake = () => {
    const woken = waiting;
    waiting = [];
    for (const resolve of woken) resolve();
  };
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once('close', (code, reason) => {
      isOpen = false;
      wake();
      resolve({ code, reason: String(reason) });
    });
  });
  socket.on('message', (data) => {
    frames.push(JSON.parse(String(data)) as Frame);
    wake();
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  socket.on('error', () => {});
  const send = (message: object | string | Buffer) =>
    socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));

  return {
    socket,
    closed,
    send,
    subscribe: (id, query, variables) => send({ id, type: 'subscribe', payload: { query, variables } }),
    async next() {
      for (;;) {
        const frame = frames.shift();
        if (frame) return frame;
        if (!isOpen) throw new Error(`closed before the next message: ${JSON.stringify(await closed)}`);
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}

/**
 * Opens a WebSocket and completes the handshake.
 * @param payload payload of `connection_init`
 */
export async function openSocket(url: string, payload?: object): Promise<RawSocket> {
  const raw = await openRaw(url);
  raw.send({ type: 'connection_init', payload });
  const { type } = await raw.next();
  if (type !== 'connection_ack') throw new Error(`expected connection_ack, got ${type}`);
  return raw;
}

/** Event of a stream of server-sent events. */
interface StreamEvent {
  event: string;
  data: Result | null;
  /** Id to resume from: that of this event, or of the last one that had one; absent if the stream has none. */
  id?: string;
}

/** Stream of server-sent events. */
export interface EventStream {
  status: number;
  headers: Headers;
  /** Resolves with the next event other than a ping; null if the stream has ended. */
  next(): Promise<StreamEvent | null>;
  /** Disconnects. */
  abort(): void;
}

/** Follows a subscription over server-sent events. */
export async function openStream(url: string, query: string, options: RequestOptions = {}): Promise<EventStream> {
  return openEvents(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...options.headers,
    },
    body: JSON.stringify({ query, variables: options.variables }),
  });
}

/** Sends a request that accepts server-sent events, and reads them. */
export async function openEvents(url: string | URL, init: RequestInit = {}): Promise<EventStream> {
  const controller = new AbortController();
  const headers = { accept: 'text/event-stream', ...(init.headers as Record<string, string> | undefined) };
  const response = await fetch(url, { ...init, headers, signal: controller.signal });
  const events = readEvents(response);
  return {
    status: response.status,
    headers: response.headers,
    next: async () => (await events.next()).value ?? null,
    abort: () => controller.abort(),
  };
}

async function* readEvents({ body }: Response): AsyncGenerator<StreamEvent, void> {
  if (body === null) return;
  let buffered = '';
  let lastId: string | undefined;
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const blocks = `${buffered}${chunk}`.split('\n\n');
    buffered = blocks.pop() ?? '';
    for (const block of blocks) {
      const { id, event, data } = readBlock(block);
      lastId = id ?? lastId;
      const read = data ? (JSON.parse(data) as Result) : null;
      if (event !== undefined) yield { event, data: read, ...(lastId === undefined ? {} : { id: lastId }) };
    }
  }
}

/** Resolves once a number no longer changes between two requests to the server. */
export async function isStill(url: string, count: () => number): Promise<void> {
  let before: number;
  let now = Number.NaN;
  do {
    before = now;
    now = count();
    await execute(url, '{ hello }');
  } while (now !== before);
}

/** Returns the fields of a block; a comment is a field without a name. */
function readBlock(block: string): Partial<Record<string, string>> {
  return Object.fromEntries(block.split('\n').map((line) => [line.split(':', 1)[0], line.replace(/^\w*: ?/, '')]));
}
