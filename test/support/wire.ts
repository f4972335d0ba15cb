import { WebSocket } from 'ws';

/** One of `errors` of an answer. */
export interface AnswerError {
  message: string;
  path?: (string | number)[];
  extensions: { code: string; [name: string]: unknown };
}

/** What one operation came to. */
export interface Result {
  data?: Record<string, unknown> | null;
  errors?: AnswerError[];
}

/** An HTTP answer, read to its end. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The text as JSON; throws with all that is known of the answer when it is none. */
  json(): unknown;
}

/** What goes along with an operation. */
export interface RequestOptions {
  variables?: object;
  token?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/**
 * Posts a body to `/graphql`, as it is when it is a string, else as JSON.
 * @param url of the server, without a path
 */
export async function post(
  url: string,
  body: unknown,
  { token, headers, signal }: RequestOptions = {},
): Promise<Answer> {
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
  const answer = { status: response.status, headers: response.headers, text: await response.text() };
  const json = () => {
    try {
      return JSON.parse(answer.text);
    } catch {
      throw unexpected('the answer is no JSON', body, answer);
    }
  };
  return { ...answer, json };
}

/** What an operation came to, errors and all. */
export async function execute(url: string, query: string, options: RequestOptions = {}): Promise<Result> {
  const answer = await post(url, { query, variables: options.variables }, options);
  return answer.json() as Result;
}

/**
 * The one error of an operation that is to be refused.
 * @throws Error with the query, the answer and the request id, when there is not exactly one
 */
export async function refusal(url: string, query: string, options: RequestOptions = {}): Promise<AnswerError> {
  const answer = await post(url, { query, variables: options.variables }, options);
  const [error, ...more] = (answer.json() as Result).errors ?? [];
  if (error === undefined || more.length > 0) throw unexpected('not exactly one error', query, answer);
  return error;
}

function unexpected(what: string, body: unknown, { status, headers, text }: Omit<Answer, 'json'>): Error {
  return new Error(`${what}: ${body}\nstatus ${status}, request id ${headers.get('x-request-id')}\n${text}`);
}

/** A message of graphql-transport-ws. */
interface Frame {
  type: string;
  id?: string;
  payload?: Result & AnswerError[];
}

/** A WebSocket without a client library: what is sent is up to the test. */
export interface RawSocket {
  socket: WebSocket;
  /** Sends a message as JSON; text and bytes as they are. */
  send(message: object | string | Buffer): void;
  /** Starts an operation. */
  subscribe(id: string, query: string, variables?: object): void;
  /** The next message that was not read yet. */
  next(): Promise<Frame>;
  /** How it was closed. */
  closed: Promise<{ code: number; reason: string }>;
}

/**
 * Opens a WebSocket.
 * @param options.protocol the subprotocol
 */
export async function openRaw(url: string, { protocol = 'graphql-transport-ws' } = {}): Promise<RawSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocol);
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
 * Opens a WebSocket and says hello.
 * @param payload of connection_init
 */
export async function openSocket(url: string, payload?: object): Promise<RawSocket> {
  const raw = await openRaw(url);
  raw.send({ type: 'connection_init', payload });
  const { type } = await raw.next();
  if (type !== 'connection_ack') throw new Error(`expected connection_ack, got ${type}`);
  return raw;
}

/** A stream of server-sent events. */
export interface EventStream {
  status: number;
  /** The next event that is no ping; null when the stream has ended. */
  next(): Promise<{ event: string; data: Result | null } | null>;
  /** Goes away. */
  abort(): void;
}

/** Follows a subscription over server-sent events. */
export async function openStream(url: string, query: string, options: RequestOptions = {}): Promise<EventStream> {
  const controller = new AbortController();
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    },
    body: JSON.stringify({ query, variables: options.variables }),
    signal: controller.signal,
  });
  const events = readEvents(response);
  return {
    status: response.status,
    next: async () => (await events.next()).value ?? null,
    abort: () => controller.abort(),
  };
}

async function* readEvents({ body }: Response): AsyncGenerator<{ event: string; data: Result | null }, void> {
  if (body === null) return;
  let buffered = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const blocks = `${buffered}${chunk}`.split('\n\n');
    buffered = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, event, data = ''] = /^event: ?(\w+)\ndata: ?(.*)$/s.exec(block) ?? [];
      if (event !== undefined) yield { event, data: data === '' ? null : (JSON.parse(data) as Result) };
    }
  }
}
