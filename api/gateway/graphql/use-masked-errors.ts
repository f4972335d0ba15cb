import type { ExecutionResult, GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import { mapStream, type Stream } from '../../live/stream.ts';
import type { MapError } from './errors.ts';
import { withHints, withStatus } from './response-status.ts';
import { type Results, typeOfResponse, writeResponse } from './response-type.ts';
import type { RequestContext, ServerContext } from './server-context.ts';

type MaskError = (error: unknown) => GraphQLError;

/**
 * Masks the errors of every result that is sent over HTTP, each of which names the id of its request, and gives the response its
 * type and status.
 */
export function useMaskedErrors(mapError: MapError): Plugin<object, ServerContext> {
  return {
    onResultProcess({ result, setResult, setResultProcessor, serverContext }) {
      const { requestId, accepted, cursor } = serverContext as RequestContext;
      const maskError: MaskError = (error) => mapError(error, requestId);
      const masked = mask(result as Results, maskError);
      const type = typeOfResponse(masked, accepted);
      setResult(isAsyncIterable(masked) || Array.isArray(masked) ? masked : withStatus(masked, type));
      setResultProcessor(
        (processed, fetchAPI) => writeResponse(processed as Results, { type, accepted, cursor, fetchAPI }),
        type,
      );
    },
  };
}

function mask(result: Results, maskError: MaskError): Results {
  const maskOne: MaskError = (error) => withHints(maskError(error), null);
  if (isAsyncIterable(result)) return maskStream(result, maskOne);
  return Array.isArray(result) ? result.map((one) => maskErrors(one, maskOne)) : maskErrors(result, maskError);
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
