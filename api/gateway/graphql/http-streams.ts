import type { ServerResponse } from 'node:http';
import { type ExecutionResult, GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import type { Domain } from '../../../schema/domain.ts';
import type { Auth, Viewer } from '../../domain/auth.ts';
import { UnauthenticatedError } from '../../errors.ts';
import { watchSession } from '../auth/watch-session.ts';
import { saysUnavailable } from './errors.ts';

/** The context of an operation; one that came over HTTP knows its response. */
type StreamContext = Context & { res?: ServerResponse };

/** Subscriptions that are answered over HTTP. */
export interface Streams {
  plugin: Plugin<StreamContext>;
  /** Drops them, so that their clients come back, to another node. */
  stop(): void;
}

/**
 * Streams over HTTP: the viewer is online meanwhile, as over a WebSocket, and they end with the viewer's session
 * and with the response.
 * @param options.maxConnections how many streams this node holds; further ones are refused
 */
export function createStreams(options: { domain: Domain; auth: Auth; maxConnections: number }): Streams {
  const { domain, auth, maxConnections } = options;
  const drops = new Set<() => void>();

  function attend(stream: Endable, viewer: Viewer | null): () => void {
    if (viewer === null) return () => {};
    const refuse = () =>
      stream.fail(new UnauthenticatedError('The token is not valid any more: refresh it, or sign in.'));
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
          // Nobody reads a stream whose answer has gone, or became another than a stream.
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
  return new GraphQLError('The server has no room for another stream just now: try again.', { extensions });
}

interface Endable extends AsyncIterableIterator<ExecutionResult> {
  /** Whoever reads gets the error next, and the source ends. */
  fail(error: Error): void;
}

/**
 * A stream that can be made to fail while it is being waited for.
 * @param onEnd called once, whichever way it ends
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
        else if (saysUnavailable(result.value.errors)) {
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
