import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';
import type { Handler } from './handler.ts';
import { refusal } from './refusal.ts';

/**
 * Serves the schema as a GraphQL document at `/schema.graphql`, the same text as the file of that name in the repository.
 * @param isPublished whether clients may read the schema; if not, the path responds 404
 */
export function createSchemaHandler(schema: GraphQLSchema, isPublished: boolean): Handler {
  let file: ReturnType<typeof printFile> | undefined;

  return (request, response) => {
    if (!isPublished)
      return refusal(response, { status: 404, message: 'The schema is not published: INTROSPECTION=on publishes it.' });
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return refusal(response, { status: 405, message: 'Use GET or HEAD.' });
    file ??= printFile(schema);
    const { etag, body } = file;
    const headers = {
      etag,
      'content-type': 'application/graphql; charset=utf-8',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
    };
    if (hasCopy(request, etag)) return void response.writeHead(304, headers).end();
    response.writeHead(200, { ...headers, 'content-length': body.length });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
}

function printFile(schema: GraphQLSchema) {
  const body = Buffer.from(`${printSchema(lexicographicSortSchema(schema))}\n`);
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` };
}

/** Whether the client names the present file in `If-None-Match`, whose tags are compared weakly (RFC 9110, section 13.1.2). */
function hasCopy({ headers }: IncomingMessage, etag: string): boolean {
  const tags = (headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}
