import type { ServerResponse } from 'node:http';
import { type ExecutionResult, GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import type { Domain } from '../../../schema/domain.ts';
import type { Auth, Viewer } from '../../domain/auth.ts';
import { UnauthenticatedError } from '../../errors.ts';
import { watchSession } from '../auth/watch-session.ts';
import { hasUnavailable } from './errors.ts';

/** Context of an operation; over HTTP it has the response. */
type StreamContext = Context & { res?: ServerResponse };

/** Subscriptions over HTTP. */
export interface Streams {
  plugin: Plugin<StreamContext>;
  /** Ends all streams, so that their clients reconnect to another node. */
  stop(): void;
}

/**
 * Manages subscriptions over HTTP (server-sent events). The viewer is online for as long as a stream lasts, as with a
 * WebSocket; a stream ends with the viewer's session and with the response.
 * @param options.maxConnections maximum number of streams on this node; further ones are rejected with UNAVAILABLE
 */
export function createStreams(options: { domain: Domain; auth: Auth; maxConnections: number }): Streams {
  const { domain, auth, maxConnections } = options;
  const drops = new Set<() => void>();

  function attend(stream: Endable, viewer: Viewer | null): () => void {
    if (viewer === null) return () => {};
    const refuse = () =>
      stream.fail(new UnauthenticatedError('The token is no longer valid: refresh it, or sign in again.'));
    const cleanups = [domain.presence.connected(viewer.userId), watchSession(auth, viewer, refuse)];
    return () => {
      for (const cleanup of cleanups) cleanup();
    };
  }

  return {
    plugin: {
      onSubscribe: ({ args: { contextValue } }) => ({
        onSubscribeResult: ({ result, setResult }) => {
          const { res: response, viewer } = contextValue;
          if (response === undefined || !isAsyncIterable(result)) return;
          if (drops.size >= maxConnections) {
            void result[Symbol.asyncIterator]().return?.();
            setResult({ errors: [tooManyStreams()] });
            return;
          }
          const stream = createEndable(result, () => {
            drops.delete(drop);
            leave();
          });
          const drop = () => {
            response.destroy();
            void stream.return?.();
          };
          const leave = attend(stream, viewer);
          drops.add(drop);
          // Nobody reads a stream whose response is closed already.
          if (response.destroyed || response.closed) drop();
          else response.once('close', drop);
          setResult(stream);
        },
      }),
    },
    stop() {
      for (const drop of [...drops]) drop();
    },
  };
}

function tooManyStreams(): GraphQLError {
  const extensions = { code: 'UNAVAILABLE', retryable: true };
  return new GraphQLError('This server has too many open streams: try again.', { extensions });
}

interface Endable extends AsyncIterableIterator<ExecutionResult> {
  /** Makes the next read reject with the error, and ends the source. */
  fail(error: Error): void;
}

/**
 * Wraps a stream so that it can fail while a read is pending.
 * @param onEnd called once, however the stream ends
 */
function createEndable(source: AsyncIterable<ExecutionResult>, onEnd: () => void): Endable {
  const iterator = source[Symbol.asyncIterator]();
  let hasEnded = false;
  let failure: Error | undefined;
  let rejectNext = (_error: Error) => {};

  function end(): void {
    if (!hasEnded) onEnd();
    hasEnded = true;
  }

  return {
    fail(error) {
      if (hasEnded) return;
      failure = error;
      end();
      rejectNext(error);
      void iterator.return?.();
    },
    async next() {
      if (failure) throw failure;
      if (hasEnded) return { done: true, value: undefined };
      try {
        const result = await new Promise<IteratorResult<ExecutionResult>>((resolve, reject) => {
          rejectNext = reject;
          iterator.next().then(resolve, reject);
        });
        if (result.done) end();
        else if (hasUnavailable(result.value.errors)) {
          end();
          void iterator.return?.();
        }
        return result;
      } catch (error) {
        failure = undefined;
        end();
        throw error;
      }
    },
    async return() {
      end();
      return iterator.return?.() ?? { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
