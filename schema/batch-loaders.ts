import DataLoader from 'dataloader';
import type { ListRound } from '../api/list-round.ts';
import type { Domain } from './domain.ts';

/** The executions that loaders belong to: one, or those of a round of executions. */
export interface Owner {
  domain: Domain;
  /** Key of the caller, whose statements take turns with those of others. */
  reader: string;
  round: ListRound | undefined;
}

/**
 * Maximum number of rows that one statement of a loader reads. Others wait for it where there is one connection, so more rows
 * are read by several statements.
 */
const maxRows = 500;

/** Look-ups of values by key. */
export interface Loader<Key, Value> {
  load(key: Key): Promise<Value>;
}

/** @param rowsOfKey number of rows that the statement reads for each key */
export function byKey<Value>(
  owner: Owner,
  load: (keys: readonly string[]) => Promise<readonly Value[]>,
  keyOf: (value: Value) => string,
  rowsOfKey = 1,
): Loader<string, Value | null> {
  return inRound<string, Value | null, string>(owner, {}, async (keys) => {
    const values = inParts(owner, keys, rowsOfKey, async (part) => {
      const found = new Map((await load(part)).map((value) => [keyOf(value), value]));
      return part.map((key) => found.get(key) ?? null);
    });
    return resolvedEach(values);
  });
}

/**
 * A loader that looks up everything with the same request together.
 * @param idOf returns the id by which the results are keyed
 * @param rowsOfItem number of rows that the statement reads for each item of the request's limit
 */
export function byRequest<Asked, Request extends { limit: number }, Value>(
  owner: Owner,
  idOf: (asked: Asked) => string,
  load: (asked: readonly Asked[], request: Request) => Promise<ReadonlyMap<string, Value | Error>>,
  rowsOfItem = 1,
): Loader<Asked & { request: Request }, Value | null> {
  type Key = Asked & { request: Request };
  const keyOf = (key: Key) => `${JSON.stringify(key.request)} ${idOf(key)}`;
  return inRound<Key, Value | null, string>(owner, { cacheKeyFn: keyOf }, async (keys) => {
    const groups = new Map<string, Key[]>();
    for (const key of keys) {
      const text = JSON.stringify(key.request);
      const group = groups.get(text);
      if (group) group.push(key);
      else groups.set(text, [key]);
    }
    const found = new Map<string, Promise<Value | null>>();
    for (const group of groups.values()) {
      const { request } = group[0] as Key;
      const values = inParts(owner, group, request.limit * rowsOfItem, async (part) => {
        const loaded = await load(part, request);
        return part.map((key) => loaded.get(idOf(key)) ?? null);
      });
      group.forEach((key, n) => void found.set(keyOf(key), values[n] ?? Promise.resolve(null)));
    }
    return resolvedEach(keys.map((key) => found.get(keyOf(key))));
  });
}

/** Returns a loader; one of a list round waits until no execution can go on without it, and gives each its turn afterwards. */
function inRound<Key, Value, CacheKey>(
  { round }: Owner,
  options: DataLoader.Options<Key, Value, CacheKey>,
  load: DataLoader.BatchLoadFn<Key, Value>,
): Loader<Key, Value> {
  if (round === undefined) return new DataLoader(load, options);
  const loader = new DataLoader(load, { ...options, batchScheduleFn: round.gather });
  return {
    async load(key) {
      const value = await loader.load(key);
      await round.turn();
      return value;
    },
  };
}

/**
 * Loads keys by one statement after another, each of at most `maxRows` rows.
 * @returns the value of each key, available as soon as its statement has run
 */
function inParts<Key, Value>(
  { round }: Owner,
  keys: readonly Key[],
  rowsOfKey: number,
  load: (part: readonly Key[]) => Promise<readonly (Value | Error)[]>,
): Promise<Value>[] {
  const size = Math.max(1, Math.floor(maxRows / Math.max(1, rowsOfKey)));
  const values: Promise<Value>[] = [];
  let previous: Promise<unknown> = Promise.resolve();
  for (let from = 0; from < keys.length; from += size) {
    const part = keys.slice(from, from + size);
    const started = from === 0 ? load(part) : previous.then(() => load(part));
    const loaded = round ? round.track(started) : started;
    previous = loaded;
    for (const n of part.keys()) values.push(loaded.then((found) => valueOrThrow(found[n] as Value | Error)));
  }
  return values;
}

function valueOrThrow<Value>(value: Value | Error): Value {
  if (value instanceof Error) throw value;
  return value;
}

/** Passes promises to a DataLoader, which resolves the promise of each key with them. */
function resolvedEach<Value>(promises: readonly (Promise<Value> | undefined)[]): Value[] {
  return promises as unknown as Value[];
}

export function required<Value>(loader: Loader<string, Value | null>) {
  return async (key: string): Promise<Value> => {
    const value = await loader.load(key);
    if (value === null) throw new Error(`a row refers to ${key}, which does not exist`);
    return value;
  };
}
