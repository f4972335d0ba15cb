import pLimit from 'p-limit';
import sharp, { type Sharp } from 'sharp';
import { BadUserInputError, UnavailableError } from '../errors.ts';
import { stripMetadata } from './strip-metadata.ts';

/** A picture that is ready to be shown. */
export interface Picture {
  /** Without what it told of where and by what it was taken. */
  body: Buffer;
  /** In WebP, at most 640 pixels wide and high. */
  thumbnail: Buffer;
  /** In pixels, as it is shown. */
  width: number;
  height: number;
}

/** The most pixels of all its frames: a small file can hold a picture that fills the memory. */
const maxPixels = 50_000_000;
/** AVIF takes most of a second for each million of pixels. */
const maxAvifPixels = 16_777_216;
const thumbnailSize = 640;
/** A picture that is written again is to look the same. */
const quality = 92;
const avif = { quality: 75, effort: 0 };
/** How many are read at once: each takes its pixels' memory, and a thread that files are read by too. */
const turn = pLimit(2);
const maxWaiting = 100;
const timeout = { seconds: 20 };

// Each picture is read once.
sharp.cache(false);
sharp.concurrency(1);

/**
 * Reads a picture, by libvips, in a thread of its own, when its turn comes: until then nothing of it is in memory.
 * @param open brings all of its bytes
 * @param keep what is done with it before the next one's turn
 * @throws BadUserInputError for what is no whole picture, or has too many pixels; UnavailableError while too many wait
 */
export async function readPicture<Kept>(
  open: () => Promise<Buffer>,
  keep: (picture: Picture) => Promise<Kept>,
): Promise<Kept> {
  if (turn.pendingCount >= maxWaiting)
    throw new UnavailableError('Too many pictures are on their way just now: try again.');
  return turn(async () => keep(await read(await open()).catch(refuse)));
}

function refuse(): never {
  const message = `is no picture that can be read: it is cut off, broken, or has more than ${maxPixels} pixels (AVIF: ${maxAvifPixels})`;
  throw new BadUserInputError([{ path: 'file', message }]);
}

async function read(bytes: Buffer): Promise<Picture> {
  const options = { limitInputPixels: maxPixels, failOn: 'truncated' } as const;
  const whole = sharp(bytes, { ...options, animated: true })
    .autoOrient()
    .timeout(timeout);
  const { format, exif, xmp, iptc, pages = 1, orientation = 1, autoOrient, ...size } = await whole.metadata();
  const isAvif = format === 'heif';
  const pixels = size.width * size.height;
  if (pixels > (isAvif ? maxAvifPixels : maxPixels)) throw new Error(`${size.width} by ${size.height} pixels`);
  const tells = isAvif && [exif, xmp, iptc].some((one) => one !== undefined);
  const body = tells || orientation > 1 ? await rewritten(whole) : stripMetadata(bytes, format);
  const thumbnail = await sharp(body, options)
    .timeout(timeout)
    .resize(thumbnailSize, thumbnailSize, { fit: 'inside', withoutEnlargement: true })
    .webp()
    .toBuffer();
  const height = pages > 1 ? (size.pageHeight ?? size.height) : autoOrient.height;
  return { body, thumbnail, width: autoOrient.width, height };
}

/** The same picture, upright, of which only the colours' profile is kept beside it. */
function rewritten(picture: Sharp): Promise<Buffer> {
  const unlessOther = { force: false };
  return picture
    .keepIccProfile()
    .jpeg({ quality, ...unlessOther })
    .webp({ quality, ...unlessOther })
    .avif({ ...avif, ...unlessOther })
    .toBuffer();
}
