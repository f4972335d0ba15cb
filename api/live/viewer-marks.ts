/** A place in a shared payload whose value depends on the viewer: whether the viewer is one of some users. */
export interface ValueMark {
  /** Offset in the payload, in bytes, at which it has `false`. */
  offset: number;
  /** Ids of users whose value is true. */
  userIds: readonly string[];
  /** Names the value where others may be true, too: they must be looked up. Null if there are none. */
  key: string | null;
}

/** A message that a shared payload quotes, which is hidden from viewers who may not read it. */
export interface QuoteMark {
  /** Offset of its JSON in the payload, and the length of that, 4 or more: in bytes. */
  offset: number;
  length: number;
  /** Seq of the message. */
  seq: number;
}

/** A place in a shared payload that depends on the viewer. */
export type ViewerMark = ValueMark | QuoteMark;

/** The payload of one message, as JSON. */
export type Payload = Buffer & {
  /** In order of their offsets; absent if the payload is the same for every viewer. */
  readonly marks?: readonly ViewerMark[];
};

/**
 * Looks up for which of some users values are true.
 * @param keys of marks
 * @param channelId names the channel to the database
 * @returns a set of `valueKey`
 * @throws DatabaseUnavailableError while the database is unavailable
 */
export type LookUpValues = (
  keys: readonly string[],
  userIds: readonly string[],
  channelId: string,
) => Promise<ReadonlySet<string>>;

/** The viewer whose values are filled in. */
export interface ViewerTarget {
  /** Id of the viewer; null or absent if nobody is signed in. */
  userId?: string | null;
  /** The viewer's reader of the source; absent if the viewer may read everything that payloads quote. */
  reader?: { readableFrom?(): number };
}

/** Values of marks that were looked up for some users. */
export interface ViewerValues {
  /** Whether they were looked up for a target. */
  covers(target: ViewerTarget): boolean;
  /** Returns the value of a mark for a target. */
  isTrue(mark: ValueMark, target: ViewerTarget): boolean;
}

/** Returns whether a quoted message is hidden from a viewer. */
export function isHidden({ seq }: QuoteMark, { reader }: ViewerTarget): boolean {
  return seq < (reader?.readableFrom?.() ?? 0);
}

/** Returns whether a mark is of a quoted message. */
export function isQuote(mark: ViewerMark): mark is QuoteMark {
  return 'seq' in mark;
}

/** Returns the text that names the value of a mark for a user. */
export function valueKey(key: string, userId: string): string {
  return `${key} ${userId}`;
}

/** Values of payloads whose marks have no key: nothing is looked up. */
export const knownValues: ViewerValues = createValues(null, new Set());

/**
 * Returns the values of marks for some users.
 * @param userIds users whose values were looked up; null if nothing had to be
 */
export function createValues(userIds: ReadonlySet<string> | null, found: ReadonlySet<string>): ViewerValues {
  return {
    covers: ({ userId }) => userIds === null || userId == null || userIds.has(userId),
    isTrue: ({ key, userIds: known }, { userId }) =>
      userId != null && (known.includes(userId) || (key !== null && found.has(valueKey(key, userId)))),
  };
}

/** Returns the keys of the values of some payloads that must be looked up, each once. */
export function keysOf(payloads: readonly Payload[]): string[] {
  return [
    ...new Set(payloads.flatMap(({ marks = [] }) => marks.flatMap((mark) => (isQuote(mark) ? [] : (mark.key ?? []))))),
  ];
}
