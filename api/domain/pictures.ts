import { RateLimitedError, UnavailableError } from '../errors.ts';
import { createFairQueue } from '../fair-queue.ts';
import type { Logger } from '../logger.ts';
import {
  createPictureProcess,
  type PictureHeader,
  type PictureProcess,
  type ProcessedPicture,
} from './picture-process.ts';
import { type RateLimits, rates } from './rate-limits.ts';

/** Number of pictures that are processed at a time: each needs memory for its pixels, and a core. */
const maxConcurrent = 2;
/** Maximum number of pictures that wait, not yet loaded. */
const maxWaiting = 100;
/** Maximum number of pictures of one user that wait. */
const maxWaitingOfUser = 20;
/** Milliseconds after which a user with too many waiting pictures may try again. */
const retryAfterMs = 5_000;
/** Number of pixels of other formats that one pixel of an AVIF counts for: it takes longer to decode and encode. */
const avifWeight = 4;

/**
 * Creates the processing of pictures, in processes of their own. Users take turns: a user waits for at most one picture of
 * each other user, however many the others have sent.
 * @param options.timeoutMs milliseconds that one picture may take
 * @param options.concurrency number of pictures at a time, and of processes
 */
export function createPictures(options: {
  rateLimits: RateLimits;
  logger: Logger;
  timeoutMs: number;
  concurrency?: number;
}) {
  const { concurrency = maxConcurrent } = options;
  const pixels = options.rateLimits.shared('picture-pixels', rates.picturePixels);
  const processes = Array.from({ length: concurrency }, () => createPictureProcess(options));
  /** Processes without work. The one that worked last is used first, so that the others can end. */
  const free = [...processes];
  const queue = createFairQueue({ concurrency, maxWaiting, maxWaitingOfKey: maxWaitingOfUser, onFull: refusal });

  return {
    /**
     * Strips a picture of metadata and makes its thumbnail.
     * @param userId user who sent the picture
     * @param load returns the whole file; called when processing starts
     * @param store stores the result, before the next picture is loaded
     * @returns the result of `store`
     * @throws BadUserInputError for a picture that is broken, has too many pixels or takes too long; RateLimitedError when
     * the user has too many waiting pictures, or no pixels left; UnavailableError if the queue is full or a process crashed
     */
    process<Result>(
      userId: string,
      load: () => Promise<Buffer>,
      store: (picture: ProcessedPicture) => Promise<Result>,
    ): Promise<Result> {
      const admit = ({ pixels: count, isAvif }: PictureHeader) =>
        pixels.take(userId, count * (isAvif ? avifWeight : 1));
      return queue.run(userId, () => withProcess(async ({ process }) => store(await process(await load(), admit))));
    },

    /** Ends the processes for good. Pictures that are being processed or wait fail with UnavailableError. */
    stop(): void {
      for (const process of processes) process.stop();
    },
  };

  async function withProcess<Result>(work: (process: PictureProcess) => Promise<Result>): Promise<Result> {
    // There are as many processes as works at a time.
    const taken = free.pop();
    if (taken === undefined) throw refusal('all');
    try {
      return await work(taken);
    } finally {
      free.push(taken);
    }
  }
}

export type Pictures = ReturnType<typeof createPictures>;

function refusal(full: 'key' | 'all'): Error {
  if (full === 'all') return new UnavailableError('Too many pictures are being processed right now. Try again.');
  const seconds = retryAfterMs / 1_000;
  const message = `You have ${maxWaitingOfUser} pictures waiting to be processed. Try again in ${seconds} seconds.`;
  return new RateLimitedError(message, retryAfterMs);
}
