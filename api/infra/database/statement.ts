import type { RowTypes } from './table.ts';
import type { SqlType } from './types.ts';

/** Types of the parameters of a statement by name. */
type ParameterTypes<Parameters> = { readonly [Key in keyof Parameters]: SqlType<unknown, Parameters[Key]> };

/** One SQL statement, complete when its module is loaded. */
export interface Statement<Row, Parameters> {
  /** Name under which each connection prepares it once. */
  readonly name: string;
  readonly text: string;
  /** Types of the columns of its result. */
  readonly row: RowTypes<Row>;
  /** Returns the values for `$1`, `$2`, …. */
  values(parameters: Parameters): unknown[];
}

/** Every statement that the loaded modules declare: a test prepares each of them against the migrated schema. */
export const statements: Statement<unknown, never>[] = [];

/**
 * Declares a statement. Call it at the top level of a module, so that the test finds it.
 * @param declaration.sql text, in which `$name` stands for the parameter `name`
 * @param declaration.parameters types of the parameters
 * @param declaration.row types of the columns of the result; none by default
 * @throws when the text names a parameter that is not declared
 */
export function statement<Row = unknown, Parameters = unknown>(declaration: {
  sql: string;
  parameters?: ParameterTypes<Parameters>;
  row?: RowTypes<Row>;
}): Statement<Row, Parameters> {
  const { sql, parameters = {}, row = {} } = declaration;
  const types = Object.entries<SqlType<unknown>>(parameters);
  const names = types.map(([name]) => name) as (keyof Parameters)[];
  const declared = {
    name: `parley${statements.length}`,
    text: sql.replace(/\$([a-z]\w*)/gi, (_, name: string) => placeholder(types, name)),
    row: row as RowTypes<Row>,
    values: (given: Parameters) => names.map((name) => given[name]),
  };
  statements.push(declared);
  return declared;
}

/** Returns `$1::uuid` for the first parameter: with its type, PostgreSQL has nothing to guess. */
function placeholder(types: readonly [string, SqlType<unknown>][], wanted: string): string {
  const index = types.findIndex(([name]) => name === wanted);
  const type = types[index]?.[1];
  if (type === undefined) throw new Error(`A statement names $${wanted}, which is not among its parameters.`);
  return `$${index + 1}::${type.name}`;
}
