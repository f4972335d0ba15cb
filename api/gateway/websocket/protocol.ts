import { type ExecutionArgs, GraphQLError, getOperationAST } from 'graphql';
import { makeServer, type Server } from 'graphql-ws';
import type { Domain } from '../../../schema/domain.ts';
import type { Auth, Viewer } from '../../domain/auth.ts';
import { UnauthenticatedError } from '../../errors.ts';
import type { Audiences } from '../../live/audiences.ts';
import type { Sink } from '../../live/subscriber.ts';
import type { Logger } from '../../logger.ts';
import { tokenOfPayload } from '../auth/token.ts';
import { watchSession } from '../auth/watch-session.ts';
import { createContext } from '../graphql/context.ts';
import type { Admission } from '../graphql/cost.ts';
import type { Documents } from '../graphql/documents.ts';
import { createErrorMapper, hasUnavailable } from '../graphql/errors.ts';
import type { GraphQLServer } from '../graphql/graphql.ts';
import { operationLabel } from '../graphql/operation-label.ts';
import { createOperations } from '../graphql/operations.ts';
import { withHints } from '../graphql/response-status.ts';
import type { LimitTime, WaitInTime } from '../graphql/time-limit.ts';
import { closeCodes } from './close-codes.ts';
import { type Connection, close } from './connection.ts';

/** The server of graphql-transport-ws, for connections of every kind. */
export type Protocol = Server<Connection>;

/**
 * Speaks the protocol graphql-transport-ws over our connections, by the library graphql-ws.
 * @param options.maxSubscriptions maximum number of concurrent operations per connection; further ones fail with RATE_LIMITED
 */
export function createProtocol(
  options: Admission & {
    graphql: GraphQLServer;
    documents: Documents;
    domain: Domain;
    auth: Auth;
    audiences: Audiences;
    limitTime: LimitTime;
    waitInTime: WaitInTime;
    maxSubscriptions: number;
    logger: Logger;
  },
): Protocol {
  const { domain, auth, waitInTime, maxSubscriptions, logger } = options;
  const map = createErrorMapper({ logger });
  // The plugins of HTTP leave their statuses in errors.
  const mapError = (error: unknown) => withHints(map(error), null);
  const operations = createOperations({ ...options, mapError });

  /** Attaches the viewer to the connection until the session ends. */
  function attach(connection: Connection, viewer: Viewer): void {
    if (connection.socket.readyState !== connection.socket.OPEN) return;
    if (!connection.place.identify(viewer.userId)) {
      refuse(connection);
      return;
    }
    connection.viewer = viewer;
    const end = () => close(connection, closeCodes.badToken, 'Forbidden');
    connection.cleanups.push(watchSession(auth, viewer, end), domain.presence.connected(viewer.userId));
  }

  function logOperation({ requestId, viewer }: Connection, { document, operationName }: ExecutionArgs): void {
    const operation = operationLabel(document, operationName);
    logger.debug({ requestId, operation, userId: viewer?.userId }, 'connection operation');
  }

  return makeServer<Record<string, unknown>, Connection>({
    async onConnect(connecting) {
      const { connectionParams, extra } = connecting;
      const token = tokenOfPayload(connectionParams) ?? extra.headerToken;
      // graphql-ws keeps the payload, with the token, for as long as the connection lasts.
      Object.assign(connecting, { connectionParams: null });
      extra.headerToken = null;
      if (token === null) {
        if (!extra.place.identify(null)) refuse(extra);
        return true;
      }
      try {
        attach(extra, await waitInTime(performance.now(), auth.authenticate(token)));
        return true;
      } catch (error) {
        if (error instanceof UnauthenticatedError) return false;
        throw error;
      }
    },
    async onSubscribe({ extra }, id, payload) {
      if (extra.running.size >= maxSubscriptions) return [tooManySubscriptions(maxSubscriptions)];
      const { outbox, resultType, viewer } = extra;
      const userId = viewer?.userId ?? null;
      const sink: Sink = { outbox, idJson: JSON.stringify(id), resultType, viewer, userId, cursor: null };
      const request = { ...extra.caller, requestId: extra.requestId, arrivedAt: performance.now() };
      const context = createContext(domain, request, viewer);
      const prepared = await operations.prepare(payload, context, sink);
      if (!('document' in prepared)) return prepared;
      logOperation(extra, prepared);
      extra.onPrepared?.(id);
      // graphql-ws keeps the payload for as long as the operation runs.
      Object.assign(payload, { query: '', variables: null, extensions: null });
      return prepared;
    },
    execute: (args) => operations.execute(args),
    subscribe: (args) => operations.subscribe(args),
    onOperation({ extra }, id, _payload, _args, result) {
      const operation = extra.running.get(id);
      if (operation && Symbol.asyncIterator in result) operation.stream = result;
    },
    onNext({ extra }, _id, _payload, { document, operationName }, { errors }) {
      const isSubscription = getOperationAST(document, operationName)?.operation === 'subscription';
      if (isSubscription && hasUnavailable(errors)) close(extra, closeCodes.tryAgainLater, 'Try again later');
    },
    onError({ extra }, _id, _payload, errors) {
      if (hasUnavailable(errors)) close(extra, closeCodes.tryAgainLater, 'Try again later');
      return errors.map((error) => mapError(error).toJSON());
    },
  });
}

/** Closes a connection whose user, or whose address without a viewer, has too many of them. */
function refuse(connection: Connection): void {
  close(connection, closeCodes.tryAgainLater, 'Too many connections');
}

function tooManySubscriptions(limit: number): GraphQLError {
  const message = `A connection can run at most ${limit} operations at once: complete some of them first.`;
  return new GraphQLError(message, { extensions: { code: 'RATE_LIMITED', retryAfterMs: 1_000 } });
}
