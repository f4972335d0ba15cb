import { BadUserInputError, ResyncRequiredError } from '../errors.ts';
import type { ReadableChannel } from './access.ts';

/**
 * Checks a position that a client passes as `after`; null stands for "from now on".
 * @throws BadUserInputError when it is negative
 */
export function requirePosition(after: number | null): void {
  if (after !== null && after < 0) throw new BadUserInputError([{ path: 'after', message: 'must be 0 or greater' }]);
}

/**
 * Checks that all changes after a position can be replayed.
 * @param isTooFar whether more changes follow than are replayed
 * @throws ResyncRequiredError when some of the changes cannot be replayed
 */
export function requireReplayable(
  after: number,
  channel: Pick<ReadableChannel, 'position' | 'trimmedPosition'>,
  isTooFar: boolean,
): void {
  const reason = gapReason(after, channel, isTooFar);
  if (reason === null) return;
  throw new ResyncRequiredError(
    `Position ${after} ${reason}. Drop the cached messages of the channel, load its newest page and subscribe from that page's position.`,
  );
}

function gapReason(
  after: number,
  { position, trimmedPosition }: Pick<ReadableChannel, 'position' | 'trimmedPosition'>,
  isTooFar: boolean,
): string | null {
  if (after > position) return 'is beyond the newest change';
  if (after < trimmedPosition) return 'is older than the retained history';
  return isTooFar ? 'is too far back to replay' : null;
}
