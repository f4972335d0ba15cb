import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { type ProcessedPicture, processPicture } from '../../api/domain/pictures.ts';

/** What is in each picture's parts that are not drawn, and may be in none of what is kept. */
const secret = 'at home, 52.5200 N 13.4050 E';
const told = Buffer.from(secret);

const noise = (width = 64, height = 48, frames = 1): Sharp =>
  sharp(randomBytes(width * height * frames * 3), {
    raw: { width, height: height * frames, channels: 3, ...(frames > 1 && { pageHeight: height }) },
  });
const read = (bytes: Buffer): Promise<ProcessedPicture> =>
  processPicture(
    async () => bytes,
    async (picture) => picture,
  );
const pixels = (bytes: Buffer) => sharp(bytes, { animated: true }).raw().toBuffer();
const insert = (bytes: Buffer, at: number, ...parts: Buffer[]) =>
  Buffer.concat([bytes.subarray(0, at), ...parts, bytes.subarray(at)]);

function segment(marker: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0xff, marker, (data.length + 2) >> 8, (data.length + 2) & 255]), data]);
}

function pngChunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

function riffChunk(name: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(data.length);
  return Buffer.concat([Buffer.from(name), length, data, Buffer.alloc(data.length % 2)]);
}

function withRiff(webp: Buffer, ...chunks: Buffer[]): Buffer {
  const whole = Buffer.concat([webp, ...chunks]);
  whole.writeUInt32LE(whole.length - 8, 4);
  return whole;
}

const blocks = (data: Buffer) => Buffer.concat([Buffer.from([data.length]), data, Buffer.from([0])]);
const exif = { IFD0: { Copyright: secret } };
const afterGifHeader = (bytes: Buffer) => 13 + 3 * 2 ** (((bytes[10] ?? 0) & 7) + 1);

describe('a picture tells nothing beside what it shows, and shows the same:', () => {
  it.each<[string, () => Promise<Buffer>]>([
    ['a JPEG with EXIF', () => noise().withExif(exif).jpeg().toBuffer()],
    ['a JPEG with EXIF, progressive', () => noise().withExif(exif).jpeg({ progressive: true }).toBuffer()],
    ['a JPEG with a comment', async () => insert(await noise().jpeg().toBuffer(), 2, segment(0xfe, told))],
    ['a JPEG with notes of its maker', async () => insert(await noise().jpeg().toBuffer(), 2, segment(0xe5, told))],
    ['a JPEG with something after it', async () => Buffer.concat([await noise().jpeg().toBuffer(), told])],
    ['a PNG with EXIF', () => noise().withExif(exif).png().toBuffer()],
    [
      'a PNG with a text',
      async () => insert(await noise().png().toBuffer(), 33, pngChunk('tEXt', Buffer.from(`Comment\0${secret}`))),
    ],
    [
      'a PNG with EXIF in a text',
      async () =>
        insert(await noise().png().toBuffer(), 33, pngChunk('tEXt', Buffer.from(`Raw profile type exif\0${secret}`))),
    ],
    ['a PNG with something after it', async () => Buffer.concat([await noise().png().toBuffer(), told])],
    [
      'a GIF with a comment',
      async () => {
        const gif = await noise(40, 30, 3).gif().toBuffer();
        return insert(gif, afterGifHeader(gif), Buffer.from([0x21, 0xfe]), blocks(told));
      },
    ],
    [
      'a GIF with XMP',
      async () => {
        const gif = await noise(40, 30, 3).gif().toBuffer();
        const name = Buffer.from('\x0bXMP DataXMP');
        return insert(gif, afterGifHeader(gif), Buffer.from([0x21, 0xff]), name, blocks(told));
      },
    ],
    ['a GIF with something after it', async () => Buffer.concat([await noise().gif().toBuffer(), told])],
    ['a WebP with EXIF', () => noise().withExif(exif).webp().toBuffer()],
    ['a WebP with a chunk of its own', async () => withRiff(await noise().webp().toBuffer(), riffChunk('note', told))],
    [
      'a WebP with EXIF, animated',
      async () => withRiff(await noise(40, 30, 3).webp().toBuffer(), riffChunk('EXIF', told)),
    ],
    ['a WebP with something after it', async () => Buffer.concat([await noise().webp().toBuffer(), told])],
  ])('%s', async (_, make) => {
    const bytes = await make();
    expect(bytes.includes(secret)).toBe(true);
    const { body, thumbnail } = await read(bytes);
    expect(body.includes(secret)).toBe(false);
    expect(thumbnail.includes(secret)).toBe(false);
    expect((await pixels(body)).equals(await pixels(bytes))).toBe(true);
    const { exif: left, xmp } = await sharp(body).metadata();
    expect([left, xmp]).toEqual([undefined, undefined]);
  });

  it('an AVIF, which is written again', async () => {
    const { body, width, height } = await read(await noise().withExif(exif).avif().toBuffer());
    expect(body.includes(secret)).toBe(false);
    expect([width, height]).toEqual([64, 48]);
    expect(await sharp(body).metadata()).toMatchObject({ format: 'heif', width: 64, height: 48 });
  });
});

it.each(['jpeg', 'png', 'webp'] as const)('keeps its colour profile, and is upright: %s', async (format) => {
  for (const orientation of [1, 6]) {
    const bytes = await noise()
      .withIccProfile('p3')
      .withMetadata({ orientation, icc: 'p3' })
      .toFormat(format)
      .toBuffer();
    const { body, width, height } = await read(bytes);
    const shown = await sharp(body).metadata();
    expect([width, height]).toEqual(orientation === 1 ? [64, 48] : [48, 64]);
    expect([shown.width, shown.height]).toEqual([width, height]);
    expect(shown.icc?.length).toBeGreaterThan(0);
    expect(shown.orientation ?? 1).toBe(1);
  }
});

it.each(['jpeg', 'png', 'gif', 'webp', 'avif'] as const)('that tells nothing is kept as it is: %s', async (format) => {
  const bytes = await noise().toFormat(format).toBuffer();
  expect((await read(bytes)).body.equals(bytes)).toBe(true);
});

it('keeps its frames: an animated PNG', async () => {
  const png = await noise(8, 8).png().toBuffer();
  const frame = [pngChunk('acTL', Buffer.from('0000000100000000', 'hex')), pngChunk('fcTL', Buffer.alloc(26, 1))];
  const animated = insert(png, 33, ...frame);
  const { body, width } = await read(insert(animated, 33, pngChunk('tEXt', told)));
  expect(body.equals(animated)).toBe(true);
  expect(width).toBe(8);
});

describe('what is no picture that can be read is refused:', () => {
  const many = (part: Buffer) => Buffer.concat(Array.from({ length: 200_000 }, () => part));
  it.each<[string, () => Promise<Buffer>]>([
    ['cut off', async () => (await noise().jpeg().toBuffer()).subarray(0, 2_000)],
    ['cut off', async () => (await noise().png().toBuffer()).subarray(0, 2_000)],
    ['cut off', async () => (await noise().webp().toBuffer()).subarray(0, 2_000)],
    ['a GIF that is cut off within a block', async () => (await noise().gif().toBuffer()).subarray(0, 1_000)],
    [
      'of very many parts',
      async () => insert(await noise().jpeg().toBuffer(), 2, many(segment(0xfe, Buffer.alloc(0)))),
    ],
    [
      'of very many parts',
      async () => insert(await noise().png().toBuffer(), 33, many(pngChunk('tEXt', Buffer.alloc(0)))),
    ],
    [
      'of too many pixels',
      () =>
        sharp({ create: { width: 8_000, height: 7_000, channels: 3, background: 'red' } })
          .png()
          .toBuffer(),
    ],
    [
      'of too many pixels in all its frames',
      () =>
        sharp({ create: { width: 4_000, height: 15_000, pageHeight: 5_000, channels: 3, background: 'red' } })
          .gif({ keepDuplicateFrames: true })
          .toBuffer(),
    ],
    [
      'of too many pixels for AVIF',
      () =>
        sharp({ create: { width: 4_200, height: 4_000, channels: 3, background: 'red' } })
          .avif({ effort: 0 })
          .toBuffer(),
    ],
  ])('%s', async (_, make) => {
    await expect(read(await make())).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });
});

it('keeps nothing else waiting while it is read', async () => {
  const bytes = await sharp({ create: { width: 5_000, height: 4_000, channels: 3, background: 'teal' } })
    .jpeg()
    .toBuffer();
  let turns = 0;
  const turning = setInterval(() => {
    turns += 1;
  }, 1);
  await read(bytes);
  clearInterval(turning);
  expect(turns).toBeGreaterThan(10);
});

it('is in memory only when its turn comes, two at once, and no more than a hundred wait', async () => {
  let opened = 0;
  const brought: (() => void)[] = [];
  const bytes = await noise().png().toBuffer();
  const one = () =>
    processPicture(
      () => {
        opened += 1;
        return new Promise<Buffer>((resolve) => brought.push(() => resolve(bytes)));
      },
      async ({ width }) => width,
    );
  const all = Array.from({ length: 102 }, one);
  await expect.poll(() => opened).toBe(2);
  await expect(one()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(opened).toBe(2);
  const bringing = setInterval(() => {
    for (const bring of brought.splice(0)) bring();
  }, 1);
  expect(await Promise.all(all)).toEqual(Array(102).fill(64));
  clearInterval(bringing);
});
