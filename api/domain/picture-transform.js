import sharp from 'sharp';
import { maxAvifPixels, maxFrames, maxPixels } from './picture-limits.js';
import { stripMetadata } from './strip-metadata.js';

/*
 * In JavaScript, because the program that uses it is started by Node itself, without a loader for TypeScript.
 */

const thumbnailSize = 640;
/** JPEG and WebP quality of re-encoded pictures, high enough that they look the same. */
const quality = 92;
const avif = { quality: 75, effort: 0 };
const options = /** @type {const} */ ({ limitInputPixels: maxPixels, failOn: 'truncated' });

// No picture is processed twice.
sharp.cache(false);
sharp.concurrency(1);

/**
 * Reads the header of a picture.
 * @param {Buffer} bytes the whole file
 * @returns the number of its pixels in all frames, whether it is an AVIF, and `transform`, which decodes it, strips it of
 * metadata and makes its thumbnail
 * @throws Error for a file that is broken or exceeds the limits of pixels and frames
 */
export async function openPicture(bytes) {
  const picture = sharp(bytes, { ...options, animated: true }).autoOrient();
  const { format, exif, xmp, iptc, pages = 1, orientation = 1, autoOrient, ...size } = await picture.metadata();
  const isAvif = format === 'heif';
  const pixels = size.width * size.height;
  if (pixels > (isAvif ? maxAvifPixels : maxPixels) || pages > maxFrames) throw new Error('the picture is too large');
  return { pixels, isAvif, transform };

  async function transform() {
    const hasMetadata = [exif, xmp, iptc].some((block) => block !== undefined);
    const mustReencode = orientation > 1 || (isAvif && hasMetadata);
    const body = mustReencode ? await reencode(picture) : stripMetadata(bytes, format);
    const height = pages > 1 ? (size.pageHeight ?? size.height) : autoOrient.height;
    return { body, thumbnail: await makeThumbnail(body), width: autoOrient.width, height };
  }
}

/** @param {Buffer} bytes */
function makeThumbnail(bytes) {
  return sharp(bytes, options)
    .resize(thumbnailSize, thumbnailSize, { fit: 'inside', withoutEnlargement: true })
    .webp()
    .toBuffer();
}

/**
 * Encodes a picture again, upright and without any metadata but its color profile.
 * @param {import('sharp').Sharp} picture
 */
function reencode(picture) {
  // Sets the options of each format without converting to it.
  const keepFormat = { force: false };
  return picture
    .keepIccProfile()
    .jpeg({ quality, ...keepFormat })
    .webp({ quality, ...keepFormat })
    .avif({ ...avif, ...keepFormat })
    .toBuffer();
}
