import type { Entry } from '../events.ts';

/** Measured memory of an entry without its text, in bytes, rounded up; of an attachment, without its name; of a kind of reactions. */
const entryBytes = 560;
const attachmentBytes = 300;
/** Memory of one mention: a UUID and its place in a list. */
const mentionBytes = 72;
const reactionBytes = 200;
/** Memory of the id of a user. */
const idBytes = 64;
const wideCharacter = /[\u0100-\uffff]/;

/** Returns the approximate memory of an entry, in bytes. */
export function bytesOfEntry({ text, attachments, data, mentionIds, reactions }: Entry): number {
  // Bridges of older versions publish entries without mentions.
  let bytes = entryBytes + bytesOfText(text) + bytesOfText(data ?? '') + mentionBytes * (mentionIds?.length ?? 0);
  for (const { filename } of attachments) bytes += attachmentBytes + bytesOfText(filename);
  // Bridges of older versions publish entries without reactions.
  for (const { userIds } of reactions ?? []) bytes += reactionBytes + idBytes * userIds.length;
  return bytes;
}

/** Returns the approximate memory of entries, in bytes. */
export function bytesOfEntries(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + bytesOfEntry(entry), 0);
}

/** V8 keeps each character of a text in two bytes as soon as one of them needs two. */
function bytesOfText(text: string): number {
  return wideCharacter.test(text) ? 2 * text.length : text.length;
}
