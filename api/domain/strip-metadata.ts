/** A part of a picture; null in the place of one that is left out. */
type Part = Buffer | null;

/** The most parts that are looked at: a picture of more is made to take time. */
const maxParts = 100_000;

/**
 * A picture without what it tells beside what it shows, and without whatever follows it; its pixels stay as they are, bit by
 * bit. Only the parts that it is drawn from are kept, and its colour profile.
 * @param format as sharp calls it: JPEG, PNG, GIF or WebP; of others all is kept
 * @throws for what does not have the parts of its format
 */
export function stripMetadata(bytes: Buffer, format: string): Buffer {
  const read = readers[format];
  return read ? Buffer.concat(kept(read(bytes))) : bytes;
}

const readers: Readonly<Record<string, (bytes: Buffer) => Iterable<Part>>> = {
  jpeg: readJpeg,
  png: readPng,
  gif: readGif,
  webp: readWebp,
};

function kept(parts: Iterable<Part>): Buffer[] {
  const found: Buffer[] = [];
  let count = 0;
  for (const part of parts) {
    count += 1;
    if (count > maxParts) throw broken();
    if (part) found.push(part);
  }
  return found;
}

function* readJpeg(bytes: Buffer): Generator<Part> {
  yield slice(bytes, 0, 2);
  for (let at = 2; ; ) {
    if (bytes[at] !== 0xff) throw broken();
    // Any number of these fills up.
    while (bytes[at + 1] === 0xff) at += 1;
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xd9) return yield slice(bytes, at, at + 2);
    const next = at + 2 + slice(bytes, at + 2, at + 4).readUInt16BE();
    const segment = slice(bytes, at, marker === 0xda ? endOfScan(bytes, next) : next);
    yield isDrawn(marker) || isColour(marker, segment) ? segment : null;
    at += segment.length;
  }
}

/** Tables, frames and scans: neither comments nor what is for applications (ITU-T T.81, table B.1). */
const isDrawn = (marker: number): boolean => marker >= 0xc0 && marker <= 0xdd && marker !== 0xc8;

/** JFIF without a picture in it, a part of a colour profile, and what Adobe says of the colours. */
function isColour(marker: number, segment: Buffer): boolean {
  const begins = (word: string) => segment.toString('latin1', 4, 4 + word.length) === word;
  return (
    (marker === 0xe0 && begins('JFIF\0') && segment.length === 18) ||
    (marker === 0xe2 && begins('ICC_PROFILE\0')) ||
    (marker === 0xee && begins('Adobe') && segment.length === 16)
  );
}

/** Where the next marker is that is no restart within the scan. */
function endOfScan(bytes: Buffer, from: number): number {
  for (let at = from; at + 1 < bytes.length; at++) {
    if (bytes[at] !== 0xff) continue;
    const next = bytes[at + 1] ?? 0;
    if (next !== 0 && next !== 0xff && (next < 0xd0 || next > 0xd7)) return at;
  }
  throw broken();
}

/** Chunks that a PNG is drawn from, those of animations among them (PNG, third edition, section 11). */
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

/** Blocks of GIF 89a: of frames, of what controls them, and of how often they are repeated. */
function* readGif(bytes: Buffer): Generator<Part> {
  let at = 13 + coloursOf(bytes, 10);
  yield slice(bytes, 0, at);
  while (at < bytes.length && bytes[at] !== 0x3b) {
    const isFrame = bytes[at] === 0x2c;
    if (!isFrame && bytes[at] !== 0x21) throw broken();
    const block = slice(bytes, at, endOfBlocks(bytes, isFrame ? at + 11 + coloursOf(bytes, at + 9) : at + 2));
    yield isFrame || block[1] === 0xf9 || isRepeat(block) ? block : null;
    at += block.length;
  }
  yield Buffer.from([0x3b]);
}

/** How many bytes a table of colours takes, by its flags. */
function coloursOf(bytes: Buffer, at: number): number {
  const flags = bytes[at] ?? 0;
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
}

function endOfBlocks(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== 0) at += 1 + (bytes[at] ?? 0);
  return at + 1;
}

function isRepeat(block: Buffer): boolean {
  const name = block.toString('latin1', 3, 14);
  return block[1] === 0xff && block.length <= 19 && (name === 'NETSCAPE2.0' || name === 'ANIMEXTS1.0');
}

const webpChunks = new Set(['VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ANIM', 'ANMF', 'ICCP']);
/** That there are EXIF and XMP, among the flags of VP8X (RFC 9649, section 2.7). */
const tells = 0x0c;

function* readWebp(bytes: Buffer): Generator<Part> {
  const chunks = kept(readRiff(slice(bytes, 12, 8 + slice(bytes, 4, 8).readUInt32LE())));
  yield* [Buffer.from('RIFF'), size([Buffer.from('WEBP'), ...chunks]), Buffer.from('WEBP'), ...chunks];
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
  const parts = name === 'ANMF' ? [slice(body, 0, 16), ...kept(readRiff(body.subarray(16)))] : [body];
  const chunk = Buffer.concat([Buffer.from(name), size(parts), ...parts, Buffer.alloc(body.length % 2)]);
  if (name === 'VP8X') chunk[8] = (chunk[8] ?? 0) & ~tells;
  return chunk;
}

function size(parts: readonly Buffer[]): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(parts.reduce((sum, { length }) => sum + length, 0));
  return bytes;
}

/** @throws where there are not so many bytes */
function slice(bytes: Buffer, from: number, to: number): Buffer {
  if (!(to <= bytes.length && to > from)) throw broken();
  return bytes.subarray(from, to);
}

const broken = (): Error => new Error('the picture is cut off or broken');
