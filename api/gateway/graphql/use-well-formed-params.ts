import { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';

/** Message about an operation without text. */
export const emptyQueryMessage = '`query` must be the text of an operation.';

/**
 * Rejects an empty batch, and parameters without an operation, before other plugins read them. The operation's text may be
 * missing if a persisted query is named.
 */
export const useWellFormedParams: Plugin = {
  onRequestParse: () => ({
    onRequestParseDone({ requestParserResult }) {
      if (Array.isArray(requestParserResult) && requestParserResult.length === 0)
        throw malformed('A batch must have at least one operation.');
    },
  }),
  onParams({ params }) {
    if (typeof params !== 'object' || params === null || Array.isArray(params))
      throw malformed('The parameters of an operation must be a JSON object.');
    if (params.query === '') throw malformed(emptyQueryMessage);
  },
};

function malformed(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_REQUEST', http: { status: 400 } } });
}
