import { randomBytes } from 'node:crypto';
import type { FormattedExecutionResult } from 'graphql';
import type { Path } from 'graphql/jsutils/Path.js';
import type { QuoteMark, ReactionMark } from '../../../schema/context.ts';
import type { Reactions } from '../../domain/reactions.ts';
import { type LookUpValues, type Payload, type ValueMark, type ViewerMark, valueKey } from '../../live/viewer-marks.ts';

/** Begins the texts that stand for values while a result becomes JSON. Nobody can guess it, so no other text has it. */
const prefix = `viewer:${randomBytes(16).toString('base64url')}:`;
const placeholders = new RegExp(`"${prefix}(\\d+)"`, 'g');

/**
 * Returns the payload of a result with values that depend on the viewer.
 * @param result changed: placeholders take the place of the values
 */
export function toMarkedPayload(
  result: FormattedExecutionResult,
  marks: readonly (ReactionMark | QuoteMark)[],
): Payload {
  const former = marks.map(({ path }, n) => replaceAt(result.data, keysTo(path), `${prefix}${n}`));
  const json = JSON.stringify(result);
  const placed: ViewerMark[] = [];
  let [text, offset, end] = ['', 0, 0];
  for (const match of json.matchAll(placeholders)) {
    const n = Number(match[1]);
    const before = json.slice(end, match.index);
    offset += Buffer.byteLength(before);
    const mark = marks[n];
    // An empty object is shorter than the null that may take its place.
    const value = JSON.stringify(former[n]).padEnd(4);
    const length = Buffer.byteLength(value);
    if (mark) placed.push('quoted' in mark ? { offset, length, seq: mark.quoted.seq } : toValueMark(mark, offset));
    text += before + value;
    offset += length;
    end = match.index + match[0].length;
  }
  return Object.assign(Buffer.from(text + json.slice(end)), { marks: placed });
}

/** Where the entry does not name all users who reacted, the others are looked up. */
function toValueMark({ entry, reaction }: ReactionMark, offset: number): ValueMark {
  const { emoji, count, userIds } = reaction;
  return { offset, userIds, key: count > userIds.length ? keyOf(entry.id, emoji) : null };
}

/** Returns the look-up of values by the keys that `toMarkedPayload` gives them. */
export function createMarkLookUp({ among }: Pick<Reactions, 'among'>): LookUpValues {
  return async (keys, userIds, channelId) => {
    const found = await among(keys.map(readKey), userIds, channelId);
    return new Set(found.map(({ messageId, emoji, userId }) => valueKey(keyOf(messageId, emoji), userId)));
  };
}

function keyOf(messageId: string, emoji: string): string {
  return `${messageId}:${emoji}`;
}

function readKey(key: string): { messageId: string; emoji: string } {
  const [messageId = '', emoji = ''] = key.split(':');
  return { messageId, emoji };
}

function keysTo(path: Path): (string | number)[] {
  return path.prev ? [...keysTo(path.prev), path.key] : [path.key];
}

/** Replaces a value in a result, and returns it; does nothing if an error has removed an object around it. */
function replaceAt(data: unknown, keys: readonly (string | number)[], value: string): unknown {
  let parent = data as Record<string | number, unknown> | null | undefined;
  for (const key of keys.slice(0, -1)) parent = parent?.[key] as typeof parent;
  const last = keys.at(-1);
  if (!parent || last === undefined) return null;
  const former = parent[last];
  parent[last] = value;
  return former;
}
