import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import type { ProcessedPicture } from '../../api/domain/picture-process.ts';
import { createPictures } from '../../api/domain/pictures.ts';
import { noRateLimits } from '../../api/domain/rate-limits.ts';
import { stripMetadata } from '../../api/domain/strip-metadata.js';
import { createTestLogger } from '../support/logger.ts';
import { patienceMs } from '../support/patience.ts';

/** Text in the metadata of each picture, which must not be in the result. */
const secret = 'at home, 52.5200 N 13.4050 E';
const secretBytes = Buffer.from(secret);

const noise = (width = 64, height = 48, frames = 1): Sharp =>
  sharp(randomBytes(width * height * frames * 3), {
    raw: { width, height: height * frames, channels: 3, ...(frames > 1 && { pageHeight: height }) },
  });
const pictures = createPictures({ rateLimits: noRateLimits, logger: createTestLogger(), timeoutMs: patienceMs });
afterAll(pictures.stop);
const processBytes = (bytes: Buffer): Promise<ProcessedPicture> =>
  pictures.process(
    'ada',
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

describe('processing removes metadata and keeps the pixels of', () => {
  it.each<[string, () => Promise<Buffer>]>([
    ['a JPEG with EXIF', () => noise().withExif(exif).jpeg().toBuffer()],
    ['a progressive JPEG with EXIF', () => noise().withExif(exif).jpeg({ progressive: true }).toBuffer()],
    ['a JPEG with a comment', async () => insert(await noise().jpeg().toBuffer(), 2, segment(0xfe, secretBytes))],
    ['a JPEG with maker notes', async () => insert(await noise().jpeg().toBuffer(), 2, segment(0xe5, secretBytes))],
    ['a JPEG with trailing bytes', async () => Buffer.concat([await noise().jpeg().toBuffer(), secretBytes])],
    ['a PNG with EXIF', () => noise().withExif(exif).png().toBuffer()],
    [
      'a PNG with a text chunk',
      async () => insert(await noise().png().toBuffer(), 33, pngChunk('tEXt', Buffer.from(`Comment\0${secret}`))),
    ],
    [
      'a PNG with EXIF in a text chunk',
      async () =>
        insert(await noise().png().toBuffer(), 33, pngChunk('tEXt', Buffer.from(`Raw profile type exif\0${secret}`))),
    ],
    ['a PNG with trailing bytes', async () => Buffer.concat([await noise().png().toBuffer(), secretBytes])],
    [
      'a GIF with a comment',
      async () => {
        const gif = await noise(40, 30, 3).gif().toBuffer();
        return insert(gif, afterGifHeader(gif), Buffer.from([0x21, 0xfe]), blocks(secretBytes));
      },
    ],
    [
      'a GIF with XMP',
      async () => {
        const gif = await noise(40, 30, 3).gif().toBuffer();
        const name = Buffer.from('\x0bXMP DataXMP');
        return insert(gif, afterGifHeader(gif), Buffer.from([0x21, 0xff]), name, blocks(secretBytes));
      },
    ],
    ['a GIF with trailing bytes', async () => Buffer.concat([await noise().gif().toBuffer(), secretBytes])],
    ['a WebP with EXIF', () => noise().withExif(exif).webp().toBuffer()],
    [
      'a WebP with a custom chunk',
      async () => withRiff(await noise().webp().toBuffer(), riffChunk('note', secretBytes)),
    ],
    [
      'an animated WebP with EXIF',
      async () => withRiff(await noise(40, 30, 3).webp().toBuffer(), riffChunk('EXIF', secretBytes)),
    ],
    ['a WebP with trailing bytes', async () => Buffer.concat([await noise().webp().toBuffer(), secretBytes])],
  ])('%s', async (_, make) => {
    const bytes = await make();
    expect(bytes.includes(secret)).toBe(true);
    const { body, thumbnail } = await processBytes(bytes);
    expect(body.includes(secret)).toBe(false);
    expect(thumbnail.includes(secret)).toBe(false);
    expect((await pixels(body)).equals(await pixels(bytes))).toBe(true);
    const { exif: left, xmp } = await sharp(body).metadata();
    expect([left, xmp]).toEqual([undefined, undefined]);
  });

  it('an AVIF, which is re-encoded', async () => {
    const { body, width, height } = await processBytes(await noise().withExif(exif).avif().toBuffer());
    expect(body.includes(secret)).toBe(false);
    expect([width, height]).toEqual([64, 48]);
    expect(await sharp(body).metadata()).toMatchObject({ format: 'heif', width: 64, height: 48 });
  });
});

it.each(['jpeg', 'png', 'webp'] as const)(
  'processing keeps the color profile and applies the orientation: %s',
  async (format) => {
    for (const orientation of [1, 6]) {
      const bytes = await noise()
        .withIccProfile('p3')
        .withMetadata({ orientation, icc: 'p3' })
        .toFormat(format)
        .toBuffer();
      const { body, width, height } = await processBytes(bytes);
      const shown = await sharp(body).metadata();
      expect([width, height]).toEqual(orientation === 1 ? [64, 48] : [48, 64]);
      expect([shown.width, shown.height]).toEqual([width, height]);
      expect(shown.icc?.length).toBeGreaterThan(0);
      expect(shown.orientation ?? 1).toBe(1);
    }
  },
);

it.each(['jpeg', 'png', 'gif', 'webp', 'avif'] as const)(
  'a picture without metadata stays as it is: %s',
  async (format) => {
    const bytes = await noise().toFormat(format).toBuffer();
    expect((await processBytes(bytes)).body.equals(bytes)).toBe(true);
  },
);

it('frames within frames of a WebP are removed: each level would be copied by all levels above it', async () => {
  const image = (await noise(8, 8).webp().toBuffer()).subarray(12);
  const frame = (...content: Buffer[]) => riffChunk('ANMF', Buffer.concat([Buffer.alloc(16), ...content]));
  const webp = (...content: Buffer[]) => withRiff(Buffer.from('RIFF0000WEBP'), ...content);
  const nested = webp(frame(image, frame(frame(image))));
  expect(stripMetadata(nested, 'webp').equals(webp(frame(image)))).toBe(true);
});

it('an animated PNG keeps its frames', async () => {
  const png = await noise(8, 8).png().toBuffer();
  const frame = [pngChunk('acTL', Buffer.from('0000000100000000', 'hex')), pngChunk('fcTL', Buffer.alloc(26, 1))];
  const animated = insert(png, 33, ...frame);
  const { body, width } = await processBytes(insert(animated, 33, pngChunk('tEXt', secretBytes)));
  expect(body.equals(animated)).toBe(true);
  expect(width).toBe(8);
});

describe('a picture is rejected if it is', () => {
  const many = (part: Buffer) => Buffer.concat(Array.from({ length: 200_000 }, () => part));
  it.each<[string, () => Promise<Buffer>]>([
    ['truncated', async () => (await noise().jpeg().toBuffer()).subarray(0, 2_000)],
    ['truncated', async () => (await noise().png().toBuffer()).subarray(0, 2_000)],
    ['truncated', async () => (await noise().webp().toBuffer()).subarray(0, 2_000)],
    ['a GIF that is truncated within a block', async () => (await noise().gif().toBuffer()).subarray(0, 1_000)],
    [
      'made of very many parts',
      async () => insert(await noise().jpeg().toBuffer(), 2, many(segment(0xfe, Buffer.alloc(0)))),
    ],
    [
      'made of very many parts',
      async () => insert(await noise().png().toBuffer(), 33, many(pngChunk('tEXt', Buffer.alloc(0)))),
    ],
    [
      'larger than the maximum number of pixels',
      () =>
        sharp({ create: { width: 8_000, height: 7_000, channels: 3, background: 'red' } })
          .png()
          .toBuffer(),
    ],
    [
      'larger than the maximum number of pixels in all frames',
      () =>
        sharp({ create: { width: 4_000, height: 15_000, pageHeight: 5_000, channels: 3, background: 'red' } })
          .gif({ keepDuplicateFrames: true })
          .toBuffer(),
    ],
    [
      'an animation of more than a thousand frames',
      () =>
        sharp(randomBytes(1_001 * 12), { raw: { width: 2, height: 2_002, channels: 3, pageHeight: 2 } })
          .gif()
          .toBuffer(),
    ],
    [
      'larger than the maximum number of pixels for AVIF',
      () =>
        sharp({ create: { width: 4_200, height: 4_000, channels: 3, background: 'red' } })
          .avif({ effort: 0 })
          .toBuffer(),
    ],
  ])('%s', async (_, make) => {
    await expect(processBytes(await make())).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });
});

it('processing a picture does not block the event loop', async () => {
  const bytes = await sharp({ create: { width: 5_000, height: 4_000, channels: 3, background: 'teal' } })
    .jpeg()
    .toBuffer();
  let ticks = 0;
  const ticking = setInterval(() => {
    ticks += 1;
  }, 1);
  await processBytes(bytes);
  clearInterval(ticking);
  expect(ticks).toBeGreaterThan(10);
});
