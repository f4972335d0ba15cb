import { type JsonRow, json, jsonText, nullable, type SqlType } from './types.ts';

/** Types of the columns of a result by name. */
export type RowTypes<Row> = { readonly [Key in keyof Row]: SqlType<Row[Key], unknown> };

/** Row of a statement whose result has columns of these types. */
export type Row<Types> = Types extends RowTypes<infer Inferred> ? Inferred : never;

/** Column of a table: its type, and its name in the database. */
export type Column<Value, Input = Value> = SqlType<Value, Input> & { readonly column: string };

type ColumnsByField = Readonly<Record<string, Column<unknown, unknown>>>;

/** A table of `prisma/schema.prisma`: its columns by the names of the fields in the schema. */
export interface Table<Columns extends ColumnsByField> {
  readonly name: string;
  readonly columns: Columns;
}

/** Columns of a table for use in a statement. */
export interface Selection<Columns> {
  /** List for `SELECT` and `RETURNING`: `c.id, c.closed_at AS "closedAt"`. */
  readonly list: string;
  /** Expression for one JSON object: `jsonb_build_object('id', c.id, 'closedAt', c.closed_at)`. */
  readonly object: string;
  /** Types of the columns that `list` returns. */
  readonly row: Columns;
}

/** Describes a table; `npm run codegen` writes the calls. */
export function table<Columns extends ColumnsByField>(name: string, columns: Columns): Table<Columns> {
  return { name, columns };
}

/** Describes a column of a table. */
export function column<Value, Input>(name: string, type: SqlType<Value, Input>): Column<Value, Input> {
  return { ...type, column: name };
}

/**
 * Returns columns of a table as SQL, with their types.
 * @param alias name that the statement gives to the table
 * @param fields names of the fields in the schema; all fields by default
 */
export function columns<Columns extends ColumnsByField, Field extends keyof Columns & string>(
  { columns: all }: Table<Columns>,
  alias: string,
  fields: readonly Field[] = Object.keys(all) as Field[],
): Selection<Pick<Columns, Field>> {
  const row = Object.fromEntries(fields.map((field) => [field, all[field]])) as Pick<Columns, Field>;
  const named = fields.map((field) => ({ field, column: row[field].column }));
  const list = named.map(({ field, column }) => `${alias}.${column}${column === field ? '' : ` AS "${field}"`}`);
  const pairs = named.map(({ field, column }) => `'${field}', ${alias}.${column}`);
  return { list: list.join(', '), object: `jsonb_build_object(${pairs.join(', ')})`, row };
}

/** Returns the names of the fields of a table except some, which only a few statements need. */
export function fieldsWithout<Columns extends ColumnsByField, Field extends keyof Columns & string>(
  { columns: all }: Table<Columns>,
  omitted: readonly Field[],
): Exclude<keyof Columns & string, Field>[] {
  const names = Object.keys(all) as (keyof Columns & string)[];
  return names.filter((name): name is Exclude<typeof name, Field> => !omitted.some((field) => field === name));
}

/** Returns the type of a JSON object with the columns of a row. */
export function jsonOf<Row>(_row: RowTypes<Row>): SqlType<JsonRow<Row>, string> {
  return json();
}

/** Returns the type of a JSON array of rows, by `json_agg`. */
export function jsonRowsOf<Row>(_row: RowTypes<Row>): SqlType<JsonRow<Row>[], string> {
  return jsonText();
}

/** Types of the columns of a row that may be missing, with a prefix before their names. */
type PrefixedTypes<Columns, Prefix extends string> = {
  readonly [Field in keyof Columns & string as `${Prefix}.${Field}`]: Columns[Field] extends SqlType<
    infer Value,
    infer Input
  >
    ? SqlType<Value | null, Input | null>
    : never;
};

/** Columns of a row that may be missing, in a result with other rows. They cost PostgreSQL less than a JSON object. */
export interface OptionalRow<Columns, Prefix extends string> {
  /** List for `SELECT`: `m.role AS "member.role", m.banned_at AS "member.bannedAt"`. */
  readonly list: string;
  /** Types of the columns that `list` returns. */
  readonly row: PrefixedTypes<Columns, Prefix>;
  /** Takes the row out of a result; null if it is missing. */
  of(result: { readonly [Name in keyof PrefixedTypes<Columns, Prefix>]: unknown }): Row<Columns> | null;
}

/**
 * Returns columns of a table for a row that may be missing.
 * @param alias name that the statement gives to the table
 * @param prefix goes before the names of the columns
 * @param fields names of the fields in the schema, of which the first is never null
 */
export function optionalRow<
  Columns extends ColumnsByField,
  Field extends keyof Columns & string,
  Prefix extends string,
>(
  { columns: all }: Table<Columns>,
  alias: string,
  prefix: Prefix,
  fields: readonly Field[],
): OptionalRow<Pick<Columns, Field>, Prefix> {
  const types = Object.fromEntries(fields.map((field) => [field, all[field]])) as Pick<Columns, Field>;
  const names = fields.map((field) => ({ field, name: `${prefix}.${field}` }));
  const row = Object.fromEntries(names.map(({ field, name }) => [name, nullable(types[field])]));
  return {
    list: names.map(({ field, name }) => `${alias}.${types[field].column} AS "${name}"`).join(', '),
    row: row as PrefixedTypes<Pick<Columns, Field>, Prefix>,
    of(result) {
      const values = result as Readonly<Record<string, unknown>>;
      if (values[names[0]?.name ?? ''] === null) return null;
      return Object.fromEntries(names.map(({ field, name }) => [field, values[name]])) as Row<Pick<Columns, Field>>;
    },
  };
}
