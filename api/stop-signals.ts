/** Signals that ask a process to stop. A terminal that closes sends SIGHUP. */
const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Listens for the signals that ask the process to stop. The first one aborts the result. The second one ends the process at
 * once with exit code 1. This file has no imports: signals that come while the others load must not be missed.
 */
export function listenForStop(): AbortSignal {
  const stopping = new AbortController();
  const stop = () => {
    if (stopping.signal.aborted) process.exit(1);
    stopping.abort();
  };
  for (const name of names) process.on(name, stop);
  return stopping.signal;
}
