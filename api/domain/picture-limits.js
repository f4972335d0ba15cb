/*
 * In JavaScript, because the program that uses it is started by Node itself, without a loader for TypeScript.
 */

/** Maximum number of pixels in all frames: a small file can hold a picture that fills the memory. */
export const maxPixels = 50_000_000;
/** Maximum number of pixels of an AVIF, which takes most of a second per million pixels. */
export const maxAvifPixels = 16_777_216;
/** Maximum number of frames of an animation: each of them has a cost, however few pixels it has. */
export const maxFrames = 1_000;
