import type { Auth, Viewer } from '../../domain/auth.ts';

/** What Node's timers take at most, in milliseconds. */
const maxDelayMs = 2 ** 31 - 1;
/** When to ask again while the session cannot be looked up, in milliseconds. */
const retryMs = 10_000;

/**
 * Waits for the end of what a viewer may do: the session is revoked, or its newest token has expired. A refresh, on any
 * node, prolongs it.
 * @param onEnd called once
 * @returns ends the watch
 */
export function watchSession(auth: Auth, { sessionId, expiresAt }: Viewer, onEnd: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const unwatch = auth.watch(sessionId, end);

  function stop(): void {
    isOver = true;
    clearTimeout(timer);
    unwatch();
  }

  function end(): void {
    if (isOver) return;
    stop();
    onEnd();
  }

  function checkAt(moment: number): void {
    timer = setTimeout(check, Math.min(Math.max(moment - Date.now(), 0), maxDelayMs));
  }

  async function check(): Promise<void> {
    const expiry = await auth.expiryOf(sessionId).catch(() => Date.now() + retryMs);
    if (isOver) return;
    if (expiry > Date.now()) checkAt(expiry);
    else end();
  }

  checkAt(expiresAt);
  return stop;
}
