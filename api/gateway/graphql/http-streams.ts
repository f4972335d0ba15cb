import type { ServerResponse } from 'node:http';
import { type ExecutionResult, GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import type { Domain } from '../../../schema/domain.ts';
import type { Auth, Viewer } from '../../domain/auth.ts';
import { UnauthenticatedError } from '../../errors.ts';
import { ignore } from '../../ignore.ts';
import { mapStream, type Stream } from '../../live/stream.ts';
import { sessionEndedMessage, watchSession } from '../auth/watch-session.ts';
import type { ConnectionLimits, Place } from '../connection-limits.ts';
import type { OpenConnection } from '../open-connection.ts';
import { hasUnavailable } from './errors.ts';

/** The context of an operation; `res` is set if the operation came over HTTP. */
type StreamContext = Context & { res?: ServerResponse };

/** The subscriptions that this node serves over HTTP. */
export interface Streams {
  plugin: Plugin<StreamContext>;
  /** Lists those that are open. */
  list(): OpenConnection[];
  /** Closes them all, so that their clients reconnect to another node. */
  stop(): void;
}

/**
 * Tracks subscriptions over HTTP. As over a WebSocket, the viewer is online meanwhile; a stream ends with the viewer's
 * session and with its HTTP response.
 * @param options.limits counts the streams of the node, addresses and users; those above a limit are refused with UNAVAILABLE
 */
export function createStreams(options: { domain: Domain; auth: Auth; limits: ConnectionLimits }): Streams {
  const { domain, auth, limits } = options;
  const open = new Set<OpenConnection>();
  let isStopped = false;

  return {
    plugin: {
      onSubscribe: ({ args: { contextValue } }) => ({
        onSubscribeResult: ({ result, setResult }) => {
          const { res: response, viewer, address } = contextValue;
          if (response === undefined || !isAsyncIterable(result)) return;
          const place = enter(address, viewer);
          if (place) return setResult(track(result, { response, viewer, place }));
          void result[Symbol.asyncIterator]().return?.();
          setResult({ errors: [tooManyStreams()] });
        },
      }),
    },
    list: () => [...open],
    stop() {
      isStopped = true;
      for (const { close } of [...open]) close(null);
    },
  };

  /** Takes a place for a stream; null if its node, its address or its user has too many. */
  function enter(address: string, viewer: Viewer | null): Place | null {
    const place = limits.enter(address);
    if (place === null || place.identify(viewer?.userId ?? null)) return place;
    place.release();
    return null;
  }

  function track(
    results: AsyncIterable<ExecutionResult>,
    { response, viewer, place }: { response: ServerResponse; viewer: Viewer | null; place: Place },
  ): Stream<ExecutionResult> {
    const stream = endWhenUnavailable(results, () => {
      open.delete(connection);
      place.release();
      leave();
    });
    const close = () => {
      response.destroy();
      stream.return().catch(ignore);
    };
    const connection = { transport: 'stream', userId: viewer?.userId ?? null, close } as const;
    const leave = attend(stream, viewer);
    open.add(connection);
    // Nobody reads the stream if the response is gone, or carries something else. A subscription may open during a stop.
    if (isStopped || response.destroyed || response.closed) close();
    else response.once('close', close);
    return stream;
  }

  /** Keeps the viewer online and watches the session. Returns a function that ends both. */
  function attend(stream: Stream<unknown>, viewer: Viewer | null): () => void {
    if (viewer === null) return ignore;
    const refuse = () => stream.fail(new UnauthenticatedError(sessionEndedMessage));
    const cleanups = [domain.presence.connected(viewer.userId), watchSession(auth, viewer, refuse)];
    return () => {
      for (const cleanup of cleanups) cleanup();
    };
  }
}

/** Returns the same results, but ends after one that says UNAVAILABLE: the client must subscribe again. */
function endWhenUnavailable(results: AsyncIterable<ExecutionResult>, onEnd: () => void): Stream<ExecutionResult> {
  const stream = mapStream(results, {
    map(result) {
      if (hasUnavailable(result.errors)) stream.return().catch(ignore);
      return result;
    },
    onEnd,
  });
  return stream;
}

function tooManyStreams(): GraphQLError {
  const extensions = { code: 'UNAVAILABLE', retryable: true, http: { status: 503 } };
  return new GraphQLError(
    'The server has no room for another stream from you at the moment: close others, or try again later.',
    { extensions },
  );
}
