import pLimit from 'p-limit';
import sharp, { type Sharp } from 'sharp';
import { BadUserInputError } from '../errors.ts';

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
const thumbnailSize = 640;
/** A JPEG that is written again is to look the same. */
const quality = 92;
/** How many are read at once: each takes its pixels' memory, and a thread that files are read by too. */
const atOnce = pLimit(2);

// Each picture is read once.
sharp.cache(false);
sharp.concurrency(1);

/**
 * Reads a picture, by libvips, in a thread of its own.
 * @param bytes all of it
 * @throws BadUserInputError for what is no whole picture, or has too many pixels
 */
export function readPicture(bytes: Buffer): Promise<Picture> {
  return atOnce(async () => {
    try {
      return await read(bytes);
    } catch {
      const message = `is no picture that can be read: it is cut off, broken, or has more than ${maxPixels} pixels`;
      throw new BadUserInputError([{ path: 'file', message }]);
    }
  });
}

async function read(bytes: Buffer): Promise<Picture> {
  const options = { limitInputPixels: maxPixels, failOn: 'truncated' } as const;
  const whole = sharp(bytes, { ...options, animated: true }).autoOrient();
  const { exif, xmp, iptc, pages = 1, autoOrient, width, height, pageHeight } = await whole.metadata();
  if (width * height > maxPixels) throw new Error(`${width} by ${height} pixels`);
  const tells = exif !== undefined || xmp !== undefined || iptc !== undefined;
  const body = tells ? await rewritten(whole) : bytes;
  const thumbnail = await sharp(bytes, options)
    .autoOrient()
    .resize(thumbnailSize, thumbnailSize, { fit: 'inside', withoutEnlargement: true })
    .webp()
    .toBuffer();
  return { body, thumbnail, width: autoOrient.width, height: pages > 1 ? (pageHeight ?? height) : autoOrient.height };
}

/** The same picture, of which only the colours' profile is kept beside it. */
function rewritten(picture: Sharp): Promise<Buffer> {
  return picture.keepIccProfile().jpeg({ quality, force: false }).webp({ quality, force: false }).toBuffer();
}
