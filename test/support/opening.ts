import { afterEach } from 'vitest';

interface Stoppable {
  stop(): Promise<unknown>;
}

/**
 * Returns a function that takes something that was opened, and returns it. Everything that it took in a test is stopped
 * after the test, the newest first.
 */
export function createOpening(): <T extends Stoppable>(one: T) => T {
  const opened: Stoppable[] = [];
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.stop();
  });
  return (one) => {
    opened.push(one);
    return one;
  };
}
