import pLimit from 'p-limit';
import type { Sharp, SharpOptions } from 'sharp';
import { BadUserInputError, UnavailableError } from '../errors.ts';
import { stripMetadata } from './strip-metadata.ts';

/** A picture that is ready to be stored. */
export interface ProcessedPicture {
  /** The picture without metadata such as place, time and camera. */
  body: Buffer;
  /** Thumbnail in WebP, at most 640 pixels wide and high. */
  thumbnail: Buffer;
  /** Displayed width in pixels. */
  width: number;
  /** Displayed height in pixels. */
  height: number;
}

/** Maximum number of pixels in all frames: a small file can hold a picture that fills the memory. */
const maxPixels = 50_000_000;
/** Maximum number of pixels of an AVIF, which takes most of a second per million pixels. */
const maxAvifPixels = 16_777_216;
const thumbnailSize = 640;
/** JPEG and WebP quality of re-encoded pictures, high enough that they look the same. */
const quality = 92;
const avif = { quality: 75, effort: 0 };
/** Limits concurrent processing: each picture needs memory for its pixels, and a thread that file reads need too. */
const queue = pLimit(2);
const maxWaiting = 100;
const timeout = { seconds: 20 };

/**
 * Strips a picture of metadata and makes its thumbnail, in a libvips thread. At most two pictures are in memory at once;
 * up to 100 others wait, not yet loaded.
 * @param load returns the whole file; called when processing starts
 * @param store stores the result, before the next picture is loaded
 * @returns the result of `store`
 * @throws BadUserInputError for a file that is broken or has too many pixels, UnavailableError if the queue is full
 */
export async function processPicture<Result>(
  load: () => Promise<Buffer>,
  store: (picture: ProcessedPicture) => Promise<Result>,
): Promise<Result> {
  if (queue.pendingCount >= maxWaiting)
    throw new UnavailableError('Too many pictures are being processed right now. Try again.');
  return queue(async () => store(await transform(await load()).catch(rejectPicture)));
}

function rejectPicture(): never {
  const message = `must be a complete picture of at most ${maxPixels} pixels (AVIF: ${maxAvifPixels})`;
  throw new BadUserInputError([{ path: 'file', message }]);
}

async function transform(bytes: Buffer): Promise<ProcessedPicture> {
  const sharp = await loadSharp();
  const options = { limitInputPixels: maxPixels, failOn: 'truncated' } as const;
  const picture = sharp(bytes, { ...options, animated: true })
    .autoOrient()
    .timeout(timeout);
  const { format, exif, xmp, iptc, pages = 1, orientation = 1, autoOrient, ...size } = await picture.metadata();
  const isAvif = format === 'heif';
  const pixels = size.width * size.height;
  if (pixels > (isAvif ? maxAvifPixels : maxPixels)) throw new Error(`${size.width} by ${size.height} pixels`);
  const hasMetadata = [exif, xmp, iptc].some((block) => block !== undefined);
  const mustReencode = orientation > 1 || (isAvif && hasMetadata);
  const body = mustReencode ? await reencode(picture) : stripMetadata(bytes, format);
  const height = pages > 1 ? (size.pageHeight ?? size.height) : autoOrient.height;
  return { body, thumbnail: await makeThumbnail(body, options), width: autoOrient.width, height };
}

/** Imported with the first picture, because libvips takes 20 MB. */
async function loadSharp() {
  const { default: sharp } = await import('sharp');
  // No picture is processed twice.
  sharp.cache(false);
  sharp.concurrency(1);
  return sharp;
}

async function makeThumbnail(bytes: Buffer, options: SharpOptions): Promise<Buffer> {
  const sharp = await loadSharp();
  return sharp(bytes, options)
    .timeout(timeout)
    .resize(thumbnailSize, thumbnailSize, { fit: 'inside', withoutEnlargement: true })
    .webp()
    .toBuffer();
}

/** Encodes a picture again, upright and without any metadata but its color profile. */
function reencode(picture: Sharp): Promise<Buffer> {
  // Sets the options of each format without converting to it.
  const keepFormat = { force: false };
  return picture
    .keepIccProfile()
    .jpeg({ quality, ...keepFormat })
    .webp({ quality, ...keepFormat })
    .avif({ ...avif, ...keepFormat })
    .toBuffer();
}
