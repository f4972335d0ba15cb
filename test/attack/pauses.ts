import { setTimeout } from 'node:timers/promises';
import { mainCpuMsOf } from './measure.ts';
import type { Target } from './target.ts';

/** Longest times for which a server did not respond to `/health`. */
export interface Pauses {
  /** Milliseconds of the longest response. */
  longestMs: number;
  /** CPU time of the gateway's main thread within one response, in milliseconds: more than a turn of its event loop took. */
  longestCpuMs: number;
}

const intervalMs = 20;

/** Asks for `/health` again and again until the returned function is called, which resolves with the longest pauses. */
export function watchPauses({ url, pids }: Target): () => Promise<Pauses> {
  const pauses = { longestMs: 0, longestCpuMs: 0 };
  let isWatching = true;
  const [gateway = 0] = pids;
  // A server that has ended is reported by the test itself.
  const watched = watch().catch(() => {});
  return async () => {
    isWatching = false;
    await watched;
    return pauses;
  };

  async function watch(): Promise<void> {
    while (isWatching) {
      const [began, cpuBefore] = [performance.now(), mainCpuMsOf(gateway)];
      await (await fetch(`${url}/health`)).text();
      pauses.longestMs = Math.max(pauses.longestMs, performance.now() - began);
      pauses.longestCpuMs = Math.max(pauses.longestCpuMs, mainCpuMsOf(gateway) - cpuBefore);
      await setTimeout(intervalMs);
    }
  }
}
