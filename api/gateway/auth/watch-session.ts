import type { Auth, Viewer } from '../../domain/auth.ts';

/** Longest delay of a Node.js timer, in milliseconds. */
const maxDelayMs = 2 ** 31 - 1;
/** Sessions are looked up at full seconds, so that those which are due within one share a statement. */
const gridMs = 1_000;
/** Milliseconds between attempts while the session cannot be looked up. */
const retryMs = 10_000;

/**
 * Watches a viewer's session until it is revoked or its newest token expires, to the next full second. A refresh, on any node,
 * extends it.
 * @param onEnd called once when the session ends
 * @returns a function that stops watching
 */
export function watchSession(auth: Auth, viewer: Viewer, onEnd: () => void): () => void {
  const { sessionId, expiresAt } = viewer;
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const unwatch = auth.watch(viewer, end);

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
    const due = Math.ceil(moment / gridMs) * gridMs;
    timer = setTimeout(check, Math.min(Math.max(due - Date.now(), 0), maxDelayMs));
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
