import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { preset } from '@graphql-codegen/client-preset';
import { codegen } from '@graphql-codegen/core';
import { type DocumentNode, lexicographicSortSchema, parse, printSchema } from 'graphql';
import { listSettings } from './api/settings.ts';
import { schema } from './schema/index.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const clientSource = path('client/src/');
const printed = `${printSchema(lexicographicSortSchema(schema))}\n`;

await update(path('schema/schema.graphql'), printed);
await writeOperations(parse(printed));
await update(path('.env.example'), describeEnvironment());
await writeTable(path('docs/operations.md'));

/** Writes the types and documents of every `.graphql` file of the client to `client/src/gql/graphql.ts`. */
async function writeOperations(schemaDocument: DocumentNode): Promise<void> {
  const sections = await preset.buildGeneratesSection({
    baseOutputDir: `${clientSource}gql/`,
    schema: schemaDocument,
    schemaAst: schema,
    documents: await readOperations(),
    config: {
      scalars: { DateTime: 'string', Upload: 'File' },
      strictScalars: true,
      useTypeImports: true,
      enumType: 'string-literal',
    },
    presetConfig: { fragmentMasking: false },
    plugins: [],
    pluginMap: {},
  });
  await mkdir(`${clientSource}gql`, { recursive: true });
  for (const section of sections) {
    if (section.filename.endsWith('/graphql.ts')) await update(section.filename, await codegen(section));
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

/** Returns the text of `.env.example`: every variable with its default and its description. */
function describeEnvironment(): string {
  const head =
    '# Every setting with its default. A laptop needs none of them. Generated from api/settings.ts by npm run codegen.';
  const blocks = listSettings().map(({ name, fallback, description }) => `# ${description}\n${name}=${fallback}`);
  return `${[head, ...blocks].join('\n\n')}\n`;
}

/** Writes the table of settings between the two markers of a page. */
async function writeTable(file: string): Promise<void> {
  const rows = listSettings().map(({ name, fallback, description }) => {
    return `| \`${name}\` | ${fallback && `\`${fallback}\``} | ${description} |`;
  });
  const table = ['| variable | default | |', '|---|---|---|', ...rows].join('\n');
  const page = await readFile(file, 'utf8');
  const written = page.replace(/(?<=<!-- settings.*-->\n).*(?=<!-- \/settings -->)/s, () => `${table}\n`);
  if (!written.includes(table)) throw new Error(`${file} has no place for the settings`);
  await update(file, written);
}

/** Writes a file if its content differs: a file that stays untouched makes no watcher rebuild. */
async function update(file: string, content: string): Promise<void> {
  const current = await readFile(file, 'utf8').catch(() => null);
  if (current !== content) await writeFile(file, content);
}
