import { readFileSync, writeFileSync } from 'node:fs';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { schema } from './schema/index.ts';

writeFileSync('schema/schema.graphql', `${printSchema(lexicographicSortSchema(schema))}\n`);
