import type { GraphQLParams, Plugin } from 'graphql-yoga';
import { type DocumentRequest, type Documents, namesDocument } from './documents.ts';

/**
 * Puts the text of the document that a request over HTTP names into its parameters, and refuses to parse documents that may
 * not run. WebSockets parse by the same plugins, so that this holds for them too.
 */
export function usePersistedQueries(documents: Documents): Plugin {
  return {
    async onParams({ params, setParams }) {
      const request = params as GraphQLParams & DocumentRequest;
      if (!namesDocument(request)) return;
      const { documentId: _id, doc_id: _docId, ...others } = request;
      setParams({ ...others, query: await documents.textOf(request) });
    },
    onParse: ({ params: { source } }) => documents.check(typeof source === 'string' ? source : source.body),
  };
}
