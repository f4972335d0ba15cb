/** Messages that a socket may send at once, in seconds of its rate: a client that reconnects subscribes to everything. */
const burstSeconds = 5;

/**
 * Creates the limit on the messages of one socket, pings and pongs included: a token bucket.
 * @param perSecond messages per second in the long run; infinite: no limit
 * @returns a function that counts one message, and returns false if the socket sends too many
 */
export function createMessageRate(perSecond: number, now: () => number = Date.now): () => boolean {
  const burst = perSecond * burstSeconds;
  let tokens = burst;
  let at = now();

  return () => {
    if (perSecond === Number.POSITIVE_INFINITY) return true;
    const passed = now() - at;
    at += passed;
    tokens = Math.min(burst, tokens + (Math.max(0, passed) / 1_000) * perSecond);
    if (tokens < 1) return false;
    tokens--;
    return true;
  };
}
