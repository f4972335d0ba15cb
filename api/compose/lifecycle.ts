/** A part of the process that runs until it is stopped. */
export interface Part {
  /** Resolves once the part works. A part without it works as soon as it is made. */
  start?(): unknown;
  /** Resolves once everything that the part holds is released. */
  stop(): unknown;
}

/** Starts a part, and stops it with the process: the last part opened is the first to stop. */
export type Open = <P extends Part>(part: P) => Promise<P>;

/** Keeps the parts of a process in the order in which they were opened. */
export function createLifecycle() {
  const opened: Part[] = [];

  return { open, stop };

  async function open<P extends Part>(part: P): Promise<P> {
    opened.push(part);
    await part.start?.();
    return part;
  }

  /**
   * Stops every part in reverse order, also after one of them has failed to stop.
   * @throws AggregateError with the errors of the parts that failed to stop
   */
  async function stop(): Promise<void> {
    const failures: unknown[] = [];
    for (const part of opened.splice(0).reverse()) {
      await Promise.resolve(part.stop()).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'some parts did not stop');
  }
}
