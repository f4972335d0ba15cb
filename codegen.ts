import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { preset } from '@graphql-codegen/client-preset';
import { codegen } from '@graphql-codegen/core';
import { formatDocument, stringifyDocument } from '@urql/core';
import { type DocumentNode, getOperationAST, lexicographicSortSchema, parse, printSchema } from 'graphql';
import { rates } from './api/domain/rate-limits.ts';
import * as requestLimits from './api/gateway/request-limits.ts';
import { listSettings } from './api/settings.ts';
import { textKinds } from './api/text/text-kinds.ts';
import { viewerFields } from './client/src/accounts/session.ts';
import { refreshDocument } from './client/src/urql/refresh.ts';
import { schema } from './schema/index.ts';
import { textArguments } from './schema/text-arguments.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const clientSource = path('client/src/');
/** Where the types and documents of the client library and of the web client are generated. */
const library = `${clientSource}urql/gql/`;
const webClient = `${clientSource}gql/`;
const printed = `${printSchema(lexicographicSortSchema(schema))}\n`;

await update(path('schema/schema.graphql'), printed);
await writeOperations(parse(printed), library, (name) => name.startsWith('urql/'));
// The operations of the web client may spread the fragments of the library.
await writeOperations(
  parse(printed),
  webClient,
  (name) => !name.startsWith('urql/') || name === 'urql/fragments.graphql',
);
await update(path('client/public/trusted-documents.json'), await listDocuments());
await update(path('.env.example'), describeEnvironment());
await writeTable(path('docs/operations.md'), 'settings', ['variable', 'default'], settingRows());
await writeTable(path('docs/security.md'), 'limits', ['limit', 'value'], await limitRows());
await writeTable(path('docs/security.md'), 'rates', ['rate', 'value'], await rateRows());
await writeTable(
  path('docs/clients.md'),
  'text',
  ['kind', 'form', 'length', 'refused', 'compared by'],
  textRows(),
  'of',
);

/** Writes the types and documents of those `.graphql` files of the client that `includes` names to `graphql.ts` in a directory. */
async function writeOperations(
  schemaDocument: DocumentNode,
  directory: string,
  includes: (name: string) => boolean,
): Promise<void> {
  const sections = await preset.buildGeneratesSection({
    baseOutputDir: directory,
    schema: schemaDocument,
    schemaAst: schema,
    documents: await readOperations(includes),
    config: {
      scalars: { DateTime: 'string', JSON: 'unknown', Upload: 'File' },
      strictScalars: true,
      useTypeImports: true,
      enumType: 'string-literal',
    },
    presetConfig: { fragmentMasking: false },
    plugins: [],
    pluginMap: {},
  });
  await mkdir(directory, { recursive: true });
  for (const section of sections) {
    if (section.filename.endsWith('/graphql.ts')) await update(section.filename, await codegen(section));
  }
}

/** Returns the manifest of the client's documents, as urql sends them: with a `__typename` everywhere but in subscriptions. */
async function listDocuments(): Promise<string> {
  const generated: Record<string, DocumentNode>[] = await Promise.all(
    [library, webClient].map((directory) => import(`${directory}graphql.ts`)),
  );
  const texts = generated.flatMap(Object.values<DocumentNode>).flatMap((document) => {
    const operation = getOperationAST(document)?.operation;
    if (operation === undefined) return [];
    return stringifyDocument(operation === 'subscription' ? document : (formatDocument(document) as DocumentNode));
  });
  const entries = [...texts, refreshDocument(viewerFields)].map((text) => [
    createHash('sha256').update(text).digest('hex'),
    text,
  ]);
  return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
}

async function readOperations(includes: (name: string) => boolean) {
  const files = await readdir(clientSource, { recursive: true });
  const names = files.filter((name) => name.endsWith('.graphql') && includes(name)).sort();
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

function settingRows(): string[][] {
  return listSettings().map(({ name, fallback, description }) => [
    `\`${name}\``,
    fallback && `\`${fallback}\``,
    description,
  ]);
}

async function limitRows(): Promise<string[][]> {
  const comments = await readComments('api/gateway/request-limits.ts');
  return Object.entries(requestLimits).map(([name, value]) => [`\`${name}\``, group(value), comments.get(name) ?? '']);
}

async function rateRows(): Promise<string[][]> {
  const comments = await readComments('api/domain/rate-limits.ts');
  return Object.entries(rates).map(([name, { points, windowMs }]) => {
    return [`\`${name}\``, `${group(points)} in ${describeTime(windowMs / 1_000)}`, comments.get(name) ?? ''];
  });
}

/** Returns the rule of each kind of text, with the arguments of the schema that have it. */
function textRows(): string[][] {
  const used = textArguments(schema);
  return Object.entries(textKinds).map(([kind, { form, length, refused, comparison }]) => {
    const names = used.filter((argument) => argument.kind === kind).map(({ name }) => `\`${name}\``);
    const title = kind.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    const cells = [
      title,
      form,
      length,
      refused,
      comparison,
      kind === 'cursor' ? '`after`, `before`' : names.join(', '),
    ];
    return cells.map((cell) => cell.replaceAll('|', '\\|'));
  });
}

/** Reads the docstrings of the constants and properties of a module, by name, each as one line. */
async function readComments(module: string): Promise<Map<string, string>> {
  const source = await readFile(path(module), 'utf8');
  const documented = source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(?:export const )?(\w+)(?::| =)/g);
  return new Map([...documented].map(([, comment = '', name = '']) => [name, comment.replace(/[\s*]+/g, ' ').trim()]));
}

function describeTime(seconds: number): string {
  const units = { days: 86_400, h: 3_600, min: 60, s: 1 };
  const [unit, length] = Object.entries(units).find(([, length]) => seconds % length === 0) ?? ['s', 1];
  return `${seconds / length} ${unit === 'days' && seconds === length ? 'day' : unit}`;
}

function group(value: number): string {
  return value.toLocaleString('en');
}

/** Writes a table between the markers `<!-- NAME … -->` and `<!-- /NAME -->` of a page. */
async function writeTable(file: string, name: string, titles: string[], rows: string[][], last = ''): Promise<void> {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  const table = [line([...titles, last]), '|---'.repeat(titles.length + 1).concat('|'), ...rows.map(line)].join('\n');
  const page = await readFile(file, 'utf8');
  const place = new RegExp(`(?<=<!-- ${name}.*-->\\n).*(?=<!-- /${name} -->)`, 's');
  const written = page.replace(place, () => `${table}\n`);
  if (!written.includes(table)) throw new Error(`${file} has no place for the ${name}`);
  await update(file, written);
}

/** Writes a file if its content differs: a file that stays untouched makes no watcher rebuild. */
async function update(file: string, content: string): Promise<void> {
  const current = await readFile(file, 'utf8').catch(() => null);
  if (current !== content) await writeFile(file, content);
}
