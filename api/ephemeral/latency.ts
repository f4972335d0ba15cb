import { Transform } from 'node:stream';
import { ignore } from '../ignore.ts';

/** Bytes that wait at most; above them the sender is not read. */
const maxWaitingBytes = 1_048_576;

/**
 * Creates a stream that passes chunks on after a delay, in their order, and a function that passes the waiting ones on at once.
 * @param delayMs returns the present delay of a chunk, in milliseconds
 */
export function createLatency(delayMs: (chunk: Buffer) => number): { stream: Transform; hurry(): void } {
  const waiting: { chunk: Buffer; due: number }[] = [];
  let waitingBytes = 0;
  let readOn = ignore;
  let end: (() => void) | null = null;
  let timer: NodeJS.Timeout | undefined;

  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      waiting.push({ chunk, due: performance.now() + delayMs(chunk) });
      waitingBytes += chunk.length;
      if (waitingBytes < maxWaitingBytes) done();
      else readOn = done;
      if (waiting.length === 1) release();
    },
    flush(done) {
      end = done;
      if (waiting.length === 0) done();
    },
    destroy(error, done) {
      clearTimeout(timer);
      done(error);
    },
  });

  return {
    stream,
    hurry() {
      for (const one of waiting) one.due = 0;
      clearTimeout(timer);
      if (waiting.length > 0 && !stream.destroyed) release();
    },
  };

  function release(): void {
    for (let [next] = waiting; next; [next] = waiting) {
      const ms = next.due - performance.now();
      if (ms > 0) {
        timer = setTimeout(release, Math.ceil(ms));
        return;
      }
      waiting.shift();
      waitingBytes -= next.chunk.length;
      stream.push(next.chunk);
    }
    // An end that comes within the call of `readOn` finds nothing waiting, and is over.
    const next = end ?? readOn;
    readOn = ignore;
    next();
  }
}
