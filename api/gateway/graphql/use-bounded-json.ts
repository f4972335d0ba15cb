import { isUtf8 } from 'node:buffer';
import type { GraphQLParams, Plugin } from 'graphql-yoga';
import { exceedsJsonBounds, jsonBoundsMessage } from '../json-bounds.ts';
import { malformed } from './request-params.ts';

type Params = GraphQLParams | GraphQLParams[];

/** Media types of JSON bodies. */
export const jsonTypes: ReadonlySet<string> = new Set(['application/json', 'application/graphql+json']);
/** Removes a byte order mark, which RFC 8259, section 8.1, lets a parser ignore. */
const decoder = new TextDecoder();
const formType = 'application/x-www-form-urlencoded';

/**
 * Reads the parameters of operations from JSON, forms and URLs in place of Yoga, to bound each JSON text before it is parsed.
 * Malformed JSON is the client's error.
 */
export const useBoundedJson: Plugin = {
  onRequestParse({ requestParser, setRequestParser }) {
    if (requestParser === undefined) return;
    setRequestParser(async (request) => {
      if (request.method === 'GET') return fromForm(new URL(request.url, 'http://localhost').search);
      const type = request.headers.get('content-type') ?? '';
      if (type === formType) return fromForm(await readBody(request));
      return jsonTypes.has(type)
        ? (parseBounded(await readBody(request), 'The body') as Params)
        : requestParser(request);
    });
  },
};

/** Codes of the errors of a body that breaks off, over HTTP/1.1 and HTTP/2. */
const brokenOff = new Set(['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE']);

async function readBody(request: Request): Promise<string> {
  const bytes = await request.arrayBuffer().catch((error: unknown) => {
    const hasClientLeft = error instanceof Error && 'code' in error && brokenOff.has(String(error.code));
    throw hasClientLeft ? malformed('The body of the request ended early.') : error;
  });
  return decodeBody(bytes);
}

/** Returns the text of a body. @throws GraphQLError with BAD_REQUEST and status 400 if it is not encoded in UTF-8 */
export function decodeBody(bytes: ArrayBuffer | Uint8Array): string {
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
