import { setPriority } from 'node:os';
import { readFrames, writeFrame } from './picture-frames.js';
import { openPicture } from './picture-transform.js';

/*
 * A program that processes pictures, one after another. It reads a picture, writes the facts of its header, reads whether
 * to go on (any bytes) or to drop it (none), and writes the facts of the result, the result and its thumbnail. In
 * JavaScript, because Node starts it without a loader for TypeScript.
 */

// It ends with the process that started it, also after that was killed, and in the middle of a picture: an ordinary exit
// would wait for the thread that decodes. Signals to the whole group are for that process.
process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL'));
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

// Serving comes first.
setPriority(10);

const next = readFrames(process.stdin);
for (;;) {
  const bytes = await next();
  await processPicture(bytes).catch(() => writeFrame(process.stdout, JSON.stringify({ isBroken: true })));
}

/** @param {Buffer} bytes */
async function processPicture(bytes) {
  const { pixels, isAvif, transform } = await openPicture(bytes);
  writeFrame(process.stdout, JSON.stringify({ pixels, isAvif }));
  const mayGoOn = (await next()).length > 0;
  if (!mayGoOn) return;
  const { body, thumbnail, width, height } = await transform();
  writeFrame(process.stdout, JSON.stringify({ width, height }));
  writeFrame(process.stdout, body);
  writeFrame(process.stdout, thumbnail);
}
