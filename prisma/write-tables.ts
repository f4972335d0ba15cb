import { readFile, writeFile } from 'node:fs/promises';

interface Field {
  name: string;
  type: string;
  isNullable: boolean;
  isList: boolean;
  attributes: string;
}

interface Block {
  kind: 'model' | 'enum';
  name: string;
  lines: readonly string[];
}

const types: Readonly<Record<string, string>> = {
  String: 'text',
  'String @db.Uuid': 'uuid',
  Boolean: 'bool',
  Int: 'int4',
  BigInt: 'int8',
  Bytes: 'bytea',
  Json: 'json<unknown>()',
  'DateTime @db.Timestamptz': 'timestamptz',
};

/** Writes `api/infra/database/tables.ts`. It imports nothing of the server, which may not load before that file fits. */
async function main(): Promise<void> {
  const schema = await readFile(new URL('./schema.prisma', import.meta.url), 'utf8');
  const file = new URL('../api/infra/database/tables.ts', import.meta.url);
  const tables = describeTables(schema);
  // The server in watch mode restarts at every write.
  if ((await readFile(file, 'utf8').catch(() => '')) !== tables) await writeFile(file, tables);
}

/**
 * Returns the source of the tables.
 * @param schema text of `schema.prisma`, as `prisma format` lays it out
 * @throws when a field has a type that is not in `types`
 */
function describeTables(schema: string): string {
  const blocks = readBlocks(schema);
  const enums = blocks.filter(({ kind }) => kind === 'enum');
  const models = blocks.filter(({ kind }) => kind === 'model');
  const isScalar = ({ type }: Field) => !models.some(({ name }) => name === type);
  const tables = models.map((model) => {
    const fields = readFields(model).filter(isScalar);
    const columns = fields.map((field) => `    ${field.name}: ${describeColumn(field, enums)},`);
    return [`  ${camelCase(model.name)}: table('${mappedName(model)}', {`, ...columns, '  }),'].join('\n');
  });
  return `// Written by npm run codegen from prisma/schema.prisma.
import { column, table } from './table.ts';
import { arrayOf, bool, bytea, enumeration, int4, int8, json, nullable, text, timestamptz, uuid } from './types.ts';

/** Enums of the schema. */
export const enums = {
${enums.map(describeEnum).join('\n')}
};

/** Tables of the schema. */
export const tables = {
${tables.join('\n')}
};
`;
}

function readBlocks(schema: string): Block[] {
  const blocks = schema.matchAll(/^(model|enum) (\w+) \{\n(.*?)^\}/gms);
  return [...blocks].map(([, kind, name = '', body = '']) => {
    const lines = body.split('\n').map((line) => line.trim());
    return { kind: kind as Block['kind'], name, lines: lines.filter((line) => line !== '' && !line.startsWith('//')) };
  });
}

function readFields({ lines }: Block): Field[] {
  return lines.flatMap((line) => {
    const [, name, type, mark, attributes = ''] = /^(\w+)\s+(\w+)(\?|\[\])?(.*)$/.exec(line) ?? [];
    return name && type ? [{ name, type, isNullable: mark === '?', isList: mark === '[]', attributes }] : [];
  });
}

function describeEnum(block: Block): string {
  const labels = block.lines.filter((line) => /^\w+$/.test(line)).map((label) => `'${label}'`);
  return `  ${camelCase(block.name)}: enumeration('${mappedName(block)}', [${labels.join(', ')}]),`;
}

function describeColumn(field: Field, enums: readonly Block[]): string {
  const name = /@map\("(\w+)"\)/.exec(field.attributes)?.[1] ?? field.name;
  const type = describeType(field, enums);
  const described = field.isNullable ? `nullable(${type})` : field.isList ? `arrayOf(${type})` : type;
  return `column('${name}', ${described})`;
}

function describeType({ name, type, attributes }: Field, enums: readonly Block[]): string {
  if (enums.some((block) => block.name === type)) return `enums.${camelCase(type)}`;
  const native = /@db\.\w+/.exec(attributes)?.[0];
  const described = types[native === undefined ? type : `${type} ${native}`];
  if (described === undefined) throw new Error(`The field ${name} has the type ${type} ${native ?? ''}: add it here.`);
  return described;
}

function mappedName({ name, lines }: Block): string {
  return lines.flatMap((line) => /^@@map\("(\w+)"\)/.exec(line)?.[1] ?? [])[0] ?? name;
}

function camelCase(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

await main();
