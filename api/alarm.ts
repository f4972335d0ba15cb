/** Wakes one waiter. */
export interface Alarm {
  /** Ends the present wait, or the next one at once. */
  ring(): void;
  /** Resolves when the alarm rings or the signal aborts. */
  wait(signal: AbortSignal): Promise<void>;
}

/** Creates an alarm that has not rung. */
export function createAlarm(): Alarm {
  let hasRung = false;
  let wake = () => {};
  return {
    ring() {
      hasRung = true;
      wake();
    },
    async wait(signal) {
      if (!hasRung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener('abort', wake, { once: true });
        });
        signal.removeEventListener('abort', wake);
      }
      hasRung = false;
    },
  };
}
