import type { ExecutionResult, GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import type { MapError } from './errors.ts';
import type { ServerContext } from './server-context.ts';

type MaskError = (error: unknown) => GraphQLError;

/** Masks the errors of every result over HTTP, and logs unexpected ones under the request's id. */
export function useMaskedErrors(mapError: MapError): Plugin<object, ServerContext> {
  return {
    onResultProcess({ result, setResult, serverContext }) {
      const requestId = 'requestId' in serverContext ? serverContext.requestId : undefined;
      const maskError: MaskError = (error) => mapError(error, requestId);
      if (isAsyncIterable(result)) setResult(maskStream(result, maskError));
      else if (Array.isArray(result)) setResult(result.map((one) => maskErrors(one, maskError)));
      else setResult(maskErrors(result, maskError));
    },
  };
}

function maskErrors<Result extends ExecutionResult>(result: Result, maskError: MaskError): Result {
  return result.errors ? { ...result, errors: result.errors.map(maskError) } : result;
}

/** Turns an error that ends a stream into its last result. */
function maskStream(
  source: AsyncIterable<ExecutionResult>,
  maskError: MaskError,
): AsyncIterableIterator<ExecutionResult> {
  const iterator = source[Symbol.asyncIterator]();
  let hasFailed = false;
  return {
    async next() {
      if (hasFailed) return { done: true, value: undefined };
      try {
        const { done, value } = await iterator.next();
        return done ? { done, value: undefined } : { done: false, value: maskErrors(value, maskError) };
      } catch (error) {
        hasFailed = true;
        return { done: false, value: { errors: [maskError(error)] } };
      }
    },
    async return() {
      await iterator.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
