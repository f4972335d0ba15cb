import type { Plugin } from 'graphql-yoga';
import { malformed, readParams } from './request-params.ts';
import type { RequestContext, ServerContext } from './server-context.ts';

/**
 * Reads the parameters of each operation before other plugins do. Rejects an empty batch, and one whose client accepts nothing
 * but a stream, which has no place for several results.
 */
export const useWellFormedParams: Plugin<object, ServerContext> = {
  onRequestParse: ({ serverContext }) => ({
    onRequestParseDone({ requestParserResult }) {
      if (!Array.isArray(requestParserResult)) return;
      const context = serverContext as RequestContext;
      if (requestParserResult.length === 0) throw malformed('A batch must have at least one operation.');
      if (!context.accepted.result?.endsWith('json'))
        throw malformed('A batch needs the header Accept: application/json.');
      context.isBatch = true;
    },
  }),
  onParams: ({ params, setParams }) => setParams(readParams(params)),
};
