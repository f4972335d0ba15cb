import { fileTypeFromBuffer } from 'file-type';

/** Number of bytes at the start of a file from which its type is detected. */
export const detectionBytes = 4_100;

/** Pictures that get a thumbnail and are stripped of metadata. */
const pictureTypes = new Set(['image/jpeg', 'image/png', 'image/apng', 'image/webp', 'image/gif', 'image/avif']);
/** Types that a browser may display: none of them is markup or script. */
const inlineTypes = /^(?:image\/(?:jpeg|a?png|webp|gif|avif)|(?:audio|video)\/[\w.+-]+|text\/plain)$/;
const unknownType = 'application/octet-stream';

/**
 * Detects the type of a file from its content; the type and name that the client sends are ignored.
 * @param head the first `detectionBytes` bytes of the file, or all of them if it is shorter
 * @returns the media type; `text/plain` for UTF-8 text of no known type, `application/octet-stream` for unknown content
 */
export async function detectType(head: Buffer): Promise<string> {
  const found = await fileTypeFromBuffer(head);
  if (found) return found.mime;
  return isText(head) ? 'text/plain' : unknownType;
}

/** Tells whether a media type is that of a picture that Parley can process. */
export const isPicture = (mimetype: string): boolean => pictureTypes.has(mimetype);

/** Tells whether a browser may display files of a media type; all others are offered as downloads. */
export const isInline = (mimetype: string): boolean => inlineTypes.test(mimetype);

/** Tells whether the bytes are UTF-8 with no control characters but tab, newline, return and escape. */
function isText(head: Buffer): boolean {
  if (head.length === 0 || head.some((byte) => byte < 32 && byte !== 9 && byte !== 10 && byte !== 13 && byte !== 27))
    return false;
  try {
    // `stream` accepts a character that is cut off at the end.
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}
