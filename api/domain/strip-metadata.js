/*
 * In JavaScript, because the program that uses it is started by Node itself, without a loader for TypeScript.
 */

/** @typedef {Buffer | null} Part A part of a picture, or null in place of a part that is removed. */

/** Maximum number of parts: a picture with more was made to exhaust the server. */
const maxParts = 100_000;

/**
 * Removes the metadata of a picture, and any bytes after its end, without changing a pixel: only the parts that are needed
 * to draw it and its color profile are kept.
 * @param {Buffer} bytes
 * @param {string} format name that sharp gives the format; pictures other than JPEG, PNG, GIF and WebP are returned unchanged
 * @returns {Buffer}
 * @throws Error if the picture is truncated or malformed
 */
export function stripMetadata(bytes, format) {
  const readParts = readers[format];
  return readParts ? Buffer.concat(keptParts(readParts(bytes))) : bytes;
}

/** @type {Readonly<Record<string, (bytes: Buffer) => Iterable<Part>>>} */
const readers = {
  jpeg: readJpeg,
  png: readPng,
  gif: readGif,
  webp: readWebp,
};

/**
 * @param {Iterable<Part>} parts
 * @returns {Buffer[]}
 */
function keptParts(parts) {
  /** @type {Buffer[]} */
  const kept = [];
  let count = 0;
  for (const part of parts) {
    count += 1;
    if (count > maxParts) throw malformed();
    if (part) kept.push(part);
  }
  return kept;
}

/**
 * @param {Buffer} bytes
 * @returns {Generator<Part>}
 */
function* readJpeg(bytes) {
  yield slice(bytes, 0, 2);
  for (let at = 2; ; ) {
    if (bytes[at] !== 0xff) throw malformed();
    // Fill bytes may precede a marker.
    while (bytes[at + 1] === 0xff) at += 1;
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xd9) return yield slice(bytes, at, at + 2);
    const next = at + 2 + slice(bytes, at + 2, at + 4).readUInt16BE();
    const segment = slice(bytes, at, marker === 0xda ? endOfScan(bytes, next) : next);
    yield isImageData(marker) || isColorInfo(marker, segment) ? segment : null;
    at += segment.length;
  }
}

/**
 * Tables, frames and scans, but no comments and application segments (ITU-T T.81, table B.1).
 * @param {number} marker
 */
const isImageData = (marker) => marker >= 0xc0 && marker <= 0xdd && marker !== 0xc8;

/**
 * JFIF header without a thumbnail, part of an ICC profile, or Adobe's color transform.
 * @param {number} marker
 * @param {Buffer} segment
 */
function isColorInfo(marker, segment) {
  /** @param {string} word */
  const startsWith = (word) => segment.toString('latin1', 4, 4 + word.length) === word;
  return (
    (marker === 0xe0 && startsWith('JFIF\0') && segment.length === 18) ||
    (marker === 0xe2 && startsWith('ICC_PROFILE\0')) ||
    (marker === 0xee && startsWith('Adobe') && segment.length === 16)
  );
}

/**
 * Returns the offset of the first marker after a scan, which is not a restart marker.
 * @param {Buffer} bytes
 * @param {number} from
 */
function endOfScan(bytes, from) {
  for (let at = from; at + 1 < bytes.length; at++) {
    if (bytes[at] !== 0xff) continue;
    const next = bytes[at + 1] ?? 0;
    if (next !== 0 && next !== 0xff && (next < 0xd0 || next > 0xd7)) return at;
  }
  throw malformed();
}

/** Chunks needed to draw a PNG, including animations (PNG, third edition, section 11). */
const pngChunks = new Set(
  'IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI sBIT bKGD pHYs acTL fcTL fdAT'.split(' '),
);

/**
 * @param {Buffer} bytes
 * @returns {Generator<Part>}
 */
function* readPng(bytes) {
  yield slice(bytes, 0, 8);
  for (let at = 8, name = ''; name !== 'IEND'; ) {
    const chunk = slice(bytes, at, at + 12 + slice(bytes, at, at + 4).readUInt32BE());
    name = chunk.toString('latin1', 4, 8);
    yield pngChunks.has(name) ? chunk : null;
    at += chunk.length;
  }
}

/**
 * Keeps the blocks of GIF 89a for frames, their control extensions, and the loop count.
 * @param {Buffer} bytes
 * @returns {Generator<Part>}
 */
function* readGif(bytes) {
  let at = 13 + colorTableBytes(bytes, 10);
  yield slice(bytes, 0, at);
  while (at < bytes.length && bytes[at] !== 0x3b) {
    const isFrame = bytes[at] === 0x2c;
    if (!isFrame && bytes[at] !== 0x21) throw malformed();
    const block = slice(bytes, at, endOfBlocks(bytes, isFrame ? at + 11 + colorTableBytes(bytes, at + 9) : at + 2));
    yield isFrame || block[1] === 0xf9 || isLoopCount(block) ? block : null;
    at += block.length;
  }
  yield Buffer.from([0x3b]);
}

/**
 * Returns the size of a color table in bytes, from the flags at an offset.
 * @param {Buffer} bytes
 * @param {number} at
 */
function colorTableBytes(bytes, at) {
  const flags = bytes[at] ?? 0;
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
}

/**
 * @param {Buffer} bytes
 * @param {number} from
 */
function endOfBlocks(bytes, from) {
  let at = from;
  while (at < bytes.length && bytes[at] !== 0) at += 1 + (bytes[at] ?? 0);
  return at + 1;
}

/** @param {Buffer} block */
function isLoopCount(block) {
  const name = block.toString('latin1', 3, 14);
  return block[1] === 0xff && block.length <= 19 && (name === 'NETSCAPE2.0' || name === 'ANIMEXTS1.0');
}

/** Chunks of a frame of an animation: animations are not nested (RFC 9649, section 2.7.1.1). */
const frameChunks = new Set(['VP8 ', 'VP8L', 'ALPH']);
const webpChunks = new Set([...frameChunks, 'VP8X', 'ANIM', 'ANMF', 'ICCP']);
/** Flags of VP8X for the presence of EXIF and XMP (RFC 9649, section 2.7). */
const metadataFlags = 0x0c;

/**
 * @param {Buffer} bytes
 * @returns {Generator<Part>}
 */
function* readWebp(bytes) {
  const chunks = keptParts(readRiff(slice(bytes, 12, 8 + slice(bytes, 4, 8).readUInt32LE()), webpChunks));
  yield* [Buffer.from('RIFF'), sizeField([Buffer.from('WEBP'), ...chunks]), Buffer.from('WEBP'), ...chunks];
}

/**
 * @param {Buffer} bytes
 * @param {ReadonlySet<string>} kept names of the chunks that are kept
 * @returns {Generator<Part>}
 */
function* readRiff(bytes, kept) {
  for (let at = 0; at + 8 <= bytes.length; ) {
    const name = bytes.toString('latin1', at, at + 4);
    const body = slice(bytes, at + 8, at + 8 + bytes.readUInt32LE(at + 4));
    yield kept.has(name) ? riffChunk(name, body) : null;
    at += 8 + body.length + (body.length % 2);
  }
}

/**
 * @param {string} name
 * @param {Buffer} body
 */
function riffChunk(name, body) {
  const parts = name === 'ANMF' ? [slice(body, 0, 16), ...keptParts(readRiff(body.subarray(16), frameChunks))] : [body];
  const chunk = Buffer.concat([Buffer.from(name), sizeField(parts), ...parts, Buffer.alloc(body.length % 2)]);
  if (name === 'VP8X') chunk[8] = (chunk[8] ?? 0) & ~metadataFlags;
  return chunk;
}

/** @param {readonly Buffer[]} parts */
function sizeField(parts) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(parts.reduce((sum, { length }) => sum + length, 0));
  return bytes;
}

/**
 * @param {Buffer} bytes
 * @param {number} from
 * @param {number} to
 * @throws Error if the range is empty or exceeds the bytes
 */
function slice(bytes, from, to) {
  if (!(to <= bytes.length && to > from)) throw malformed();
  return bytes.subarray(from, to);
}

const malformed = () => new Error('the picture is truncated or malformed');
