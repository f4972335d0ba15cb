import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLParams } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import type { Caller } from '../auth/caller.ts';

/** What Yoga is given with each operation: the request that it came by, or the context that is made already. */
export type ServerContext = RequestContext | { context: Context };

/** A request over HTTP. */
export interface RequestContext {
  req: IncomingMessage;
  res: ServerResponse;
  caller: Caller;
  requestId: string;
  /** What a multipart request asks for, once it has been read up to its files; null for any other. */
  multipart: Promise<GraphQLParams | GraphQLParams[]> | null;
}
