import { createHash } from 'node:crypto';
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';
import type { Handler } from './handler.ts';
import { refuse } from './refusal.ts';
import { type Representation, sendRepresentation } from './representation.ts';

/**
 * Serves the schema as a GraphQL document at `/schema.graphql`, the same text as the file of that name in the repository.
 * @param isPublished whether clients may read the schema; if not, the path responds 404
 */
export function createSchemaHandler(schema: GraphQLSchema, isPublished: boolean): Handler {
  let file: Representation | undefined;

  return async (request, response) => {
    if (!isPublished)
      return refuse(response, { status: 404, message: 'The schema is not published: INTROSPECTION=on publishes it.' });
    file ??= printFile(schema);
    await sendRepresentation(request, response, file);
  };
}

function printFile(schema: GraphQLSchema): Representation {
  const body = Buffer.from(`${printSchema(lexicographicSortSchema(schema))}\n`);
  return {
    headers: {
      'content-type': 'application/graphql; charset=utf-8',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
    },
    etag: `"${createHash('sha256').update(body).digest('base64url')}"`,
    size: body.length,
    open: ({ start, end }) => body.subarray(start, end + 1),
  };
}
