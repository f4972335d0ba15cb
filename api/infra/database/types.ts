declare const value: unique symbol;
declare const input: unique symbol;

/**
 * Type of a column, a result or a parameter in PostgreSQL.
 * @typeParam Value type that the driver returns
 * @typeParam Input type that the driver takes as a parameter
 */
export interface SqlType<Value, Input = Value> {
  /** Name in PostgreSQL, for example `uuid[]`. */
  readonly name: string;
  readonly isNullable: boolean;
  /** Labels of an enum, in order. */
  readonly labels?: readonly string[];
  /** Exists for the compiler alone. */
  readonly [value]?: Value;
  readonly [input]?: Input;
}

/** A string of 36 characters. */
export const uuid = sqlType<string>('uuid');
export const text = sqlType<string>('text');
export const bool = sqlType<boolean>('boolean');
/** An integer of four bytes. */
export const int4 = sqlType<number>('integer');
/** An integer of eight bytes, which a number cannot hold, as decimal digits. */
export const int8 = sqlType<string>('bigint');
export const bytea = sqlType<Uint8Array>('bytea');
/** A point in time; as a parameter also in ISO 8601. */
export const timestamptz = sqlType<Date, Date | string>('timestamp with time zone');

/** Returns the type of JSON that holds a `Value`: parsed in a result, a string as a parameter. */
export function json<Value>(): SqlType<Value, string> {
  return sqlType('jsonb');
}

/** Returns the type of JSON that a statement makes as text, which costs PostgreSQL less than the form that it stores. */
export function jsonText<Value>(): SqlType<Value, string> {
  return sqlType('json');
}

/** Returns the type of an enum that the schema declares. */
export function enumeration<const Label extends string>(name: string, labels: readonly Label[]): SqlType<Label> {
  return { name, isNullable: false, labels };
}

/** Returns the type of an array. */
export function arrayOf<Value, Input>(type: SqlType<Value, Input>): SqlType<Value[], readonly Input[]> {
  return sqlType(`${type.name}[]`);
}

/** Returns the type for values that may be null. */
export function nullable<Value, Input>(type: SqlType<Value, Input>): SqlType<Value | null, Input | null> {
  return { ...(type as SqlType<Value | null, Input | null>), isNullable: true };
}

/** A row inside JSON, where times are strings. */
export type JsonRow<Row> = { [Key in keyof Row]: Date extends Row[Key] ? Exclude<Row[Key], Date> | string : Row[Key] };

function sqlType<Value, Input = Value>(name: string): SqlType<Value, Input> {
  return { name, isNullable: false };
}
