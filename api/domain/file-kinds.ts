import { fileTypeFromBuffer } from 'file-type';

/** Of so many bytes at its beginning a file's kind is known. */
export const sniffedBytes = 4_100;

/** Pictures that are read, made smaller and freed of what they tell beside what they show. */
const pictures = new Set(['image/jpeg', 'image/png', 'image/apng', 'image/webp', 'image/gif', 'image/avif']);
/** What a browser may show in its place: none of it is markup or script. */
const shown = /^(?:image\/(?:jpeg|a?png|webp|gif|avif)|(?:audio|video)\/[\w.+-]+|text\/plain)$/;
const unknown = 'application/octet-stream';

/**
 * What a file is, by the bytes that it begins with: what its sender calls it is not asked.
 * @returns its media type; `text/plain` for what is UTF-8 and nothing else that is known
 */
export async function sniff(head: Buffer): Promise<string> {
  const found = await fileTypeFromBuffer(head);
  if (found) return found.mime;
  return isText(head) ? 'text/plain' : unknown;
}

/** Whether it is to be read as a picture. */
export const isPicture = (mimetype: string): boolean => pictures.has(mimetype);

/** Whether a browser may show it; anything else is offered as a download. */
export const isShown = (mimetype: string): boolean => shown.test(mimetype);

/** UTF-8 without control characters but for those that texts have; the last letter may be cut off. */
function isText(head: Buffer): boolean {
  if (head.length === 0 || head.some((byte) => byte < 32 && byte !== 9 && byte !== 10 && byte !== 13 && byte !== 27))
    return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}

const maxNameLength = 200;

/** A file's name as it is shown and offered: no path, no control characters, nothing that turns its letters around. */
export function cleanFilename(given: string): string {
  const [last = ''] = given.toWellFormed().normalize('NFC').split(/[/\\]/).slice(-1);
  const name = last
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '')
    .replace(/\s+/g, ' ')
    .trim();
  if (/^\.*$/.test(name)) return 'file';
  const letters = [...name];
  if (letters.length <= maxNameLength) return name;
  const extension = /\.[\p{L}\p{N}]{1,10}$/u.exec(name)?.[0] ?? '';
  return letters.slice(0, maxNameLength - extension.length).join('') + extension;
}
