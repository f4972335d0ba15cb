/** A part of a picture, or null in place of a part that is removed. */
type Part = Buffer | null;

/** Maximum number of parts: a picture with more was made to exhaust the server. */
const maxParts = 100_000;

/**
 * Removes the metadata of a picture, and any bytes after its end, without changing a pixel: only the parts that are needed
 * to draw it and its color profile are kept.
 * @param format name that sharp gives the format; pictures other than JPEG, PNG, GIF and WebP are returned unchanged
 * @throws Error if the picture is truncated or malformed
 */
export function stripMetadata(bytes: Buffer, format: string): Buffer {
  const readParts = readers[format];
  return readParts ? Buffer.concat(keptParts(readParts(bytes))) : bytes;
}

const readers: Readonly<Record<string, (bytes: Buffer) => Iterable<Part>>> = {
  jpeg: readJpeg,
  png: readPng,
  gif: readGif,
  webp: readWebp,
};

function keptParts(parts: Iterable<Part>): Buffer[] {
  const kept: Buffer[] = [];
  let count = 0;
  for (const part of parts) {
    count += 1;
    if (count > maxParts) throw malformed();
    if (part) kept.push(part);
  }
  return kept;
}

function* readJpeg(bytes: Buffer): Generator<Part> {
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

/** Tables, frames and scans, but no comments and application segments (ITU-T T.81, table B.1). */
const isImageData = (marker: number): boolean => marker >= 0xc0 && marker <= 0xdd && marker !== 0xc8;

/** JFIF header without a thumbnail, part of an ICC profile, or Adobe's color transform. */
function isColorInfo(marker: number, segment: Buffer): boolean {
  const startsWith = (word: string) => segment.toString('latin1', 4, 4 + word.length) === word;
  return (
    (marker === 0xe0 && startsWith('JFIF\0') && segment.length === 18) ||
    (marker === 0xe2 && startsWith('ICC_PROFILE\0')) ||
    (marker === 0xee && startsWith('Adobe') && segment.length === 16)
  );
}

/** Returns the offset of the first marker after a scan, which is not a restart marker. */
function endOfScan(bytes: Buffer, from: number): number {
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

function* readPng(bytes: Buffer): Generator<Part> {
  yield slice(bytes, 0, 8);
  for (let at = 8, name = ''; name !== 'IEND'; ) {
    const chunk = slice(bytes, at, at + 12 + slice(bytes, at, at + 4).readUInt32BE());
    name = chunk.toString('latin1', 4, 8);
    yield pngChunks.has(name) ? chunk : null;
    at += chunk.length;
  }
}

/** Keeps the blocks of GIF 89a for frames, their control extensions, and the loop count. */
function* readGif(bytes: Buffer): Generator<Part> {
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

/** Returns the size of a color table in bytes, from the flags at an offset. */
function colorTableBytes(bytes: Buffer, at: number): number {
  const flags = bytes[at] ?? 0;
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
}

function endOfBlocks(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== 0) at += 1 + (bytes[at] ?? 0);
  return at + 1;
}

function isLoopCount(block: Buffer): boolean {
  const name = block.toString('latin1', 3, 14);
  return block[1] === 0xff && block.length <= 19 && (name === 'NETSCAPE2.0' || name === 'ANIMEXTS1.0');
}

const webpChunks = new Set(['VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ANIM', 'ANMF', 'ICCP']);
/** Flags of VP8X for the presence of EXIF and XMP (RFC 9649, section 2.7). */
const metadataFlags = 0x0c;

function* readWebp(bytes: Buffer): Generator<Part> {
  const chunks = keptParts(readRiff(slice(bytes, 12, 8 + slice(bytes, 4, 8).readUInt32LE())));
  yield* [Buffer.from('RIFF'), sizeField([Buffer.from('WEBP'), ...chunks]), Buffer.from('WEBP'), ...chunks];
}

function* readRiff(bytes: Buffer): Generator<Part> {
  for (let at = 0; at + 8 <= bytes.length; ) {
    const name = bytes.toString('latin1', at, at + 4);
    const body = slice(bytes, at + 8, at + 8 + bytes.readUInt32LE(at + 4));
    yield webpChunks.has(name) ? riffChunk(name, body) : null;
    at += 8 + body.length + (body.length % 2);
  }
}

function riffChunk(name: string, body: Buffer): Buffer {
  const parts = name === 'ANMF' ? [slice(body, 0, 16), ...keptParts(readRiff(body.subarray(16)))] : [body];
  const chunk = Buffer.concat([Buffer.from(name), sizeField(parts), ...parts, Buffer.alloc(body.length % 2)]);
  if (name === 'VP8X') chunk[8] = (chunk[8] ?? 0) & ~metadataFlags;
  return chunk;
}

function sizeField(parts: readonly Buffer[]): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(parts.reduce((sum, { length }) => sum + length, 0));
  return bytes;
}

/** @throws Error if the range is empty or exceeds the bytes */
function slice(bytes: Buffer, from: number, to: number): Buffer {
  if (!(to <= bytes.length && to > from)) throw malformed();
  return bytes.subarray(from, to);
}

const malformed = (): Error => new Error('the picture is truncated or malformed');
