import { isUtf8 } from 'node:buffer';
import type { GraphQLParams, Plugin } from 'graphql-yoga';
import { exceedsJsonBounds, jsonBoundsMessage } from '../json-bounds.ts';
import { readBody } from './read-body.ts';
import { malformed } from './request-params.ts';
import type { ServerContext } from './server-context.ts';

type Params = GraphQLParams | GraphQLParams[];

/** Media types of JSON bodies. */
export const jsonTypes: ReadonlySet<string> = new Set(['application/json', 'application/graphql+json']);
/** Removes a byte order mark, which RFC 8259, section 8.1, lets a parser ignore. */
const decoder = new TextDecoder();
const formType = 'application/x-www-form-urlencoded';

/**
 * Reads the parameters of operations from JSON, forms, texts (`application/graphql`) and URLs in place of Yoga, to bound the memory of
 * a body, and each JSON text before it is parsed. Malformed JSON is the client's error.
 */
export const useBoundedJson: Plugin<object, ServerContext> = {
  onRequestParse({ requestParser, setRequestParser, serverContext }) {
    if (requestParser === undefined || !('req' in serverContext)) return;
    const { req } = serverContext;
    setRequestParser(async (request) => {
      if (request.method === 'GET') return fromForm(new URL(request.url, 'http://localhost').search);
      const type = request.headers.get('content-type') ?? '';
      const text = decodeBody(await readBody(req));
      if (type === formType) return fromForm(text);
      return jsonTypes.has(type) ? (parseBounded(text, 'The body') as Params) : { query: text };
    });
  },
};

/** Returns the text of a body. @throws GraphQLError with BAD_REQUEST and status 400 if it is not encoded in UTF-8 */
export function decodeBody(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw malformed('The body must be encoded in UTF-8.');
  return decoder.decode(bytes);
}

function fromForm(form: string): GraphQLParams {
  const fields = new URLSearchParams(form);
  const text = (name: string) => fields.get(name) || undefined;
  const json = (name: string) => (text(name) === undefined ? undefined : parseBounded(text(name) ?? '', `\`${name}\``));
  const ids = { documentId: text('documentId'), doc_id: text('doc_id') };
  const given = { operationName: text('operationName'), query: text('query'), ...ids };
  return { ...given, variables: json('variables'), extensions: json('extensions') } as GraphQLParams;
}

/**
 * Parses JSON whose depth and number of values are within the bounds.
 * @param place beginning of the error message
 * @throws GraphQLError with BAD_REQUEST and status 400
 */
export function parseBounded(json: string, place: string): unknown {
  if (exceedsJsonBounds(json)) throw malformed(jsonBoundsMessage);
  try {
    return JSON.parse(json);
  } catch {
    throw malformed(`${place} must be valid JSON.`);
  }
}
