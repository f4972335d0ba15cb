import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLParams } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import type { Caller } from '../auth/caller.ts';
import type { RequestFacts } from '../http/request-log.ts';
import type { Accepted } from './accept.ts';
import type { StreamCursor } from './event-stream.ts';

/** Context that Yoga gets with each operation: the HTTP request, or a context that exists already. */
export type ServerContext = RequestContext | { context: Context };

/** Context of a request over HTTP. */
export interface RequestContext {
  req: IncomingMessage;
  res: ServerResponse;
  caller: Caller;
  requestId: string;
  /** Types of response that the client accepts. */
  accepted: Accepted;
  /** The header `Last-Event-ID` of a request that accepts server-sent events; undefined without one. */
  lastEventId: string | undefined;
  /** Progress of the stream of its results. */
  cursor: StreamCursor;
  /** Whether the request is a batch. */
  isBatch?: boolean;
  /** Facts for the request's line in the log. */
  facts: RequestFacts;
  /** Parameters of a multipart request, once it was read up to its files; null for other requests. */
  multipart: Promise<GraphQLParams | GraphQLParams[]> | null;
}
