import { randomBytes } from 'node:crypto';
import type { FormattedExecutionResult } from 'graphql';
import type { Path } from 'graphql/jsutils/Path.js';
import type { ReactionMark } from '../../../schema/context.ts';
import type { Reactions } from '../../domain/reactions.ts';
import { type LookUpValues, type Payload, type ViewerMark, valueKey } from '../../live/viewer-marks.ts';

/** Begins the texts that stand for values while a result becomes JSON. Nobody can guess it, so no other text has it. */
const prefix = `viewer:${randomBytes(16).toString('base64url')}:`;
const placeholders = new RegExp(`"${prefix}(\\d+)"`, 'g');

/**
 * Returns the payload of a result with values that depend on the viewer.
 * @param result changed: placeholders take the place of the values
 */
export function toMarkedPayload(result: FormattedExecutionResult, marks: readonly ReactionMark[]): Payload {
  for (const [n, { path }] of marks.entries()) setAt(result.data, keysTo(path), `${prefix}${n}`);
  const json = JSON.stringify(result);
  const placed: ViewerMark[] = [];
  let [text, offset, end] = ['', 0, 0];
  for (const match of json.matchAll(placeholders)) {
    const before = json.slice(end, match.index);
    offset += Buffer.byteLength(before);
    const mark = marks[Number(match[1])];
    if (mark) placed.push(toViewerMark(mark, offset));
    text += `${before}false`;
    offset += 'false'.length;
    end = match.index + match[0].length;
  }
  return Object.assign(Buffer.from(text + json.slice(end)), { marks: placed });
}

/** Where the entry does not name all users who reacted, the others are looked up. */
function toViewerMark({ entry, reaction }: ReactionMark, offset: number): ViewerMark {
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

/** Sets a value in a result; does nothing if an error has removed an object around it. */
function setAt(data: unknown, keys: readonly (string | number)[], value: string): void {
  let parent = data as Record<string | number, unknown> | null | undefined;
  for (const key of keys.slice(0, -1)) parent = parent?.[key] as typeof parent;
  const last = keys.at(-1);
  if (parent && last !== undefined) parent[last] = value;
}
