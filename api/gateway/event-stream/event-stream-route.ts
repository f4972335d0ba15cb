import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Auth } from '../../domain/auth.ts';
import type { StreamTokens } from '../../domain/stream-tokens.ts';
import type { Callers } from '../auth/caller.ts';
import { tokenOfHeader } from '../auth/token.ts';
import { chooseTypes } from '../graphql/accept.ts';
import { headersOf, statusOfCode } from '../graphql/response-status.ts';
import type { WaitInTime } from '../graphql/time-limit.ts';
import { sha256 } from '../graphql/trusted-documents.ts';
import { send } from '../http/refusal.ts';
import type { RequestFacts } from '../http/request-log.ts';
import { type Message, mustWait, waitForEnd } from '../websocket/operation-ids.ts';
import type { Refused } from './event-codec.ts';
import { type EventStream, type EventStreams, isOpen } from './event-streams.ts';
import { failureEvents } from './events.ts';
import { checkId, readOperation } from './read-operation.ts';
import { refusals, sendErrors, sendRefusal } from './refusals.ts';

/** Facts about a request that its handlers share. */
interface Routed {
  requestId: string;
  facts: RequestFacts;
}

/** Header with the token of a stream, which may also be `token` in the URL. */
const tokenHeader = 'x-graphql-event-stream-token';
/** Header of the response to a reservation: a load balancer learns the server of a node by it. */
const nodeHeader = 'x-graphql-event-stream-node';

/**
 * Creates the requests of graphql-sse in its single connection mode
 * (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md): PUT reserves a stream and returns its token, GET opens it, POST
 * runs an operation over it, DELETE ends one.
 *
 * An operation that is refused before its execution is sent to the stream, as graphql-sse takes any status but 202 for a lost
 * connection and tries again; a client whose `Accept` names a JSON type gets it as the response, with its status.
 */
export function createEventStreamRoute(options: {
  streams: EventStreams;
  streamTokens: StreamTokens;
  auth: Auth;
  callers: Callers;
  waitInTime: WaitInTime;
}) {
  const { streams, streamTokens, auth, callers, waitInTime } = options;
  const methods: Readonly<Record<string, typeof open>> = { GET: open, POST: operate, DELETE: complete };

  return {
    /** Whether a request belongs to this mode: by its method, or because it has the token of a stream. */
    serves(request: IncomingMessage): boolean {
      const { method = '' } = request;
      if (method === 'PUT' || method === 'DELETE') return true;
      return (method === 'GET' || method === 'POST') && tokenOf(request) !== null;
    },
    async handle(request: IncomingMessage, response: ServerResponse, routed: Routed): Promise<void> {
      try {
        const serve = methods[request.method ?? ''];
        if (serve === undefined) return await reserve(request, response, routed);
        const stream = streams.find(tokenOf(request));
        await checkOwner(stream, request);
        const { userId } = stream.connection.viewer ?? {};
        if (userId !== undefined) routed.facts.userId = userId;
        await serve(stream, request, response);
      } catch (error) {
        sendRefusal(response, error);
      }
    },
  };

  async function reserve(request: IncomingMessage, response: ServerResponse, { requestId }: Routed): Promise<void> {
    const headerToken = tokenOfHeader(request.headers.authorization);
    const token = await streams.reserve({ caller: callers.read(request), requestId, headerToken });
    send(response, 201, token, { 'content-type': 'text/plain; charset=utf-8', [nodeHeader]: streamTokens.nodeId });
  }

  /**
   * Checks that a request comes from the session of its stream. The token that reserved the stream proves that even after its end,
   * because graphql-sse sends no other, and the stream ends with the session. `EventSource` sends none: the stream's own token opens it.
   */
  async function checkOwner({ ownerHash, connection }: EventStream, request: IncomingMessage): Promise<void> {
    const token = tokenOfHeader(request.headers.authorization);
    if (token === null) {
      if (ownerHash === null || request.method === 'GET') return;
      throw refusals.noAuthorization();
    }
    if (sha256(token) === ownerHash) return;
    const { sessionId } = await waitInTime(performance.now(), auth.authenticate(token));
    if (sessionId !== connection.viewer?.sessionId) throw refusals.otherSession();
  }
}

export type EventStreamRoute = ReturnType<typeof createEventStreamRoute>;

function tokenOf({ headers, url = '' }: IncomingMessage): string | null {
  const given = headers[tokenHeader];
  return given === undefined ? new URL(url, 'http://localhost').searchParams.get('token') : String(given);
}

async function open(stream: EventStream, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { socket } = stream.connection;
  if (chooseTypes(request.headers.accept).stream !== 'text/event-stream') throw refusals.notAcceptable();
  if (socket.isOpened()) throw refusals.isOpen();
  // It may have ended while the client was identified.
  if (!isOpen(stream)) throw refusals.notFound();
  socket.open(response);
}

async function operate(stream: EventStream, request: IncomingMessage, response: ServerResponse): Promise<void> {
  countRequest(stream);
  const read = await readOperation(request);
  const errors = 'errors' in read ? read.errors : await run(stream, read.message);
  if (errors === null) return send(response, 202, '', {});
  const { namedJson } = chooseTypes(request.headers.accept);
  if (namedJson !== null) return sendJson(response, errors, namedJson);
  void stream.codec.write(failureEvents(read.message.id, errors));
  send(response, 202, '', {});
}

/** Starts an operation. Resolves when it was prepared or refused. */
async function run(stream: EventStream, message: Message): Promise<Refused> {
  const { connection, codec, handle } = stream;
  const { id } = message;
  while (mustWait(connection, message)) await waitForEnd(connection, message);
  if (!isOpen(stream)) throw refusals.notFound();
  if (connection.running.has(id)) throw refusals.usedId();
  return codec.begin(id, () => codec.receive(handle, message));
}

async function complete(stream: EventStream, request: IncomingMessage, response: ServerResponse): Promise<void> {
  countRequest(stream);
  const { searchParams } = new URL(request.url ?? '', 'http://localhost');
  const id = checkId(searchParams.get('operationId') ?? undefined, '`operationId` in the URL');
  const { connection, codec, handle } = stream;
  const type = 'complete';
  if (connection.running.has(id)) void codec.receive(handle, { content: { id, type }, type, id, bytes: 0 });
  send(response, 200, '', {});
}

function countRequest({ connection }: EventStream): void {
  if (!connection.takeMessage()) throw refusals.tooManyMessages();
}

function sendJson(response: ServerResponse, errors: readonly object[], type: string): void {
  const [first] = errors as readonly { extensions?: { code?: string } }[];
  const { extensions = {} } = first ?? {};
  const status = statusOfCode(extensions.code ?? '');
  sendErrors(response, errors, { status, headers: headersOf({ extensions }, status), type });
}
