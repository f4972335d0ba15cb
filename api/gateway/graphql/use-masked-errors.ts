import type { ExecutionResult, GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import { mapStream, type Stream } from '../../live/stream.ts';
import type { MapError } from './errors.ts';
import { withRefusalStatus } from './refusal-status.ts';
import type { ServerContext } from './server-context.ts';

type MaskError = (error: unknown) => GraphQLError;

/** Masks the errors of every result that is sent over HTTP; each masked error names the id of its request. */
export function useMaskedErrors(mapError: MapError): Plugin<object, ServerContext> {
  return {
    onResultProcess({ result, setResult, serverContext }) {
      const requestId = 'requestId' in serverContext ? serverContext.requestId : undefined;
      const maskError: MaskError = (error) => mapError(error, requestId);
      if (isAsyncIterable(result)) setResult(maskStream(result, maskError));
      else if (Array.isArray(result)) setResult(result.map((one) => maskErrors(one, maskError)));
      else setResult(withRefusalStatus(maskErrors(result, maskError)));
    },
  };
}

function maskErrors<Result extends ExecutionResult>(result: Result, maskError: MaskError): Result {
  return result.errors ? { ...result, errors: result.errors.map(maskError) } : result;
}

/** Returns the masked results; an error that ends the stream becomes its last result. */
function maskStream(source: AsyncIterable<ExecutionResult>, maskError: MaskError): Stream<ExecutionResult> {
  return mapStream(source, {
    map: (result) => maskErrors(result, maskError),
    mapError: (error) => ({ errors: [maskError(error)] }),
  });
}
