import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';
import { createCompressedPage } from './compressed-page.ts';
import type { Handler } from './handler.ts';
import { refuse } from './refusal.ts';

const headers = {
  'content-type': 'application/graphql; charset=utf-8',
  'content-encoding': 'gzip',
  'cache-control': 'no-cache',
  'x-content-type-options': 'nosniff',
};

/**
 * Serves the schema as a GraphQL document at `/schema.graphql`, the same text as the file of that name in the repository.
 * @param isPublished whether clients may read the schema; if not, the path responds 404
 */
export function createSchemaHandler(schema: GraphQLSchema, isPublished: boolean): Handler {
  let file: Promise<ReturnType<typeof createCompressedPage>> | undefined;

  return async (request, response) => {
    if (!isPublished)
      return refuse(response, { status: 404, message: 'The schema is not published: INTROSPECTION=on publishes it.' });
    file ??= promisify(gzip)(`${printSchema(lexicographicSortSchema(schema))}\n`).then((body) =>
      createCompressedPage({ body, headers }),
    );
    await (await file)(request, response);
  };
}
