import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { preset } from '@graphql-codegen/client-preset';
import { codegen } from '@graphql-codegen/core';
import { type DocumentNode, lexicographicSortSchema, parse, printSchema } from 'graphql';
import { schema } from './schema/index.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const clientSource = path('client/src/');
const printed = `${printSchema(lexicographicSortSchema(schema))}\n`;

await writeFile(path('schema/schema.graphql'), printed);
await writeOperations(parse(printed));

/** Writes the types and documents of every `.graphql` file of the client to `client/src/gql/graphql.ts`. */
async function writeOperations(schemaDocument: DocumentNode): Promise<void> {
  const sections = await preset.buildGeneratesSection({
    baseOutputDir: `${clientSource}gql/`,
    schema: schemaDocument,
    schemaAst: schema,
    documents: await readOperations(),
    config: { scalars: { DateTime: 'string' }, strictScalars: true, useTypeImports: true, enumType: 'string-literal' },
    presetConfig: { fragmentMasking: false },
    plugins: [],
    pluginMap: {},
  });
  await mkdir(`${clientSource}gql`, { recursive: true });
  for (const section of sections) {
    if (section.filename.endsWith('/graphql.ts')) await writeFile(section.filename, await codegen(section));
  }
}

async function readOperations() {
  const files = await readdir(clientSource, { recursive: true });
  const names = files.filter((name) => name.endsWith('.graphql')).sort();
  return Promise.all(
    names.map(async (name) => {
      const rawSDL = await readFile(`${clientSource}${name}`, 'utf8');
      return { location: name, rawSDL, document: parse(rawSDL) };
    }),
  );
}
