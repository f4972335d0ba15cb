import { collapseSpaces, isBlank, withoutHidden } from './characters.ts';

/** Longest name, in bytes of UTF-8: a file system allows 255, and downloads and thumbnails add to it. */
const maxBytes = 240;
/** UTF-16 code units kept of a longer name before anything else: the time to normalise marks grows with the square. */
const maxReadLength = 1_024;
/** Names of devices, with any extension, and characters that Windows allows in no name. */
const windowsDevice = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[\d¹²³]) ?(?=\.|$)/i;
const notInWindows = /[<>:"|?*]/g;
const extensionForm = /\.[\p{L}\p{N}]{1,10}$/u;
const graphemes = new Intl.Segmenter();

/**
 * Makes a file name safe to display, to offer for download and to store under on any system: NFC, without its path, control
 * characters, characters that cannot be seen or change the direction of text, and dots at the end. Names above 240 bytes are
 * cut between characters and keep their extension; names of devices get an underscore.
 * @returns `file` if nothing is left of the name
 */
export function cleanFilename(given: string): string {
  const [last = ''] = given.slice(-maxReadLength).toWellFormed().normalize('NFC').split(/[/\\]/).slice(-1);
  // Line ends become spaces first: removed as control characters, they would join the words around them.
  const cleaned = trim(collapseSpaces(withoutHidden(collapseSpaces(last))).replace(notInWindows, '_'));
  const name = windowsDevice.test(cleaned) ? `_${cleaned}` : cleaned;
  const extension = extensionForm.exec(name)?.[0] ?? '';
  const stem = trim(shorten(name.slice(0, name.length - extension.length), maxBytes - Buffer.byteLength(extension)));
  const shortened = stem === '' && !name.startsWith(extension) ? `file${extension}` : stem + extension;
  return isBlank(shortened) ? 'file' : shortened;
}

function trim(name: string): string {
  return name.replace(/[. ]+$/, '');
}

function shorten(stem: string, limit: number): string {
  if (Buffer.byteLength(stem) <= limit) return stem;
  let kept = '';
  for (const { segment } of graphemes.segment(stem)) {
    if (Buffer.byteLength(kept + segment) > limit) break;
    kept += segment;
  }
  return kept;
}
