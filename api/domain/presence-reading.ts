import type { Presence } from '../infra/state/state.ts';
import type { Logger } from '../logger.ts';
import type { PresenceIndex } from './presence-index.ts';

/** Milliseconds for which changes of presence are collected. */
const collectMs = 200;
/** Milliseconds until presence is read again after the state was unavailable. */
const retryMs = 1_000;

/** Creates the reading of presence from the state into an index, of the users whom the index knows. */
export function createPresenceReading(options: {
  presence: Pick<Presence, 'online'>;
  index: PresenceIndex;
  logger: Logger;
}) {
  const { presence, index, logger } = options;
  /** Users whose presence has changed and is not read yet. */
  const changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  return {
    /** Reads the presence of users soon, together with others. */
    noteChanges: (userIds: readonly string[]) => readSoon(userIds, collectMs),
    read,
    /** Reads nothing from now on, except for a request that is under way. */
    stop(): void {
      isStopped = true;
      clearTimeout(timer);
    },
  };

  function readSoon(userIds: readonly string[], delayMs: number): void {
    for (const userId of userIds) if (index.has(userId)) changed.add(userId);
    if (changed.size > 0 && !isStopped) timer ??= setTimeout(() => void readChanges(), delayMs);
  }

  /** Reads from the state, because signals of several nodes may arrive in another order than their changes were made. */
  async function readChanges(): Promise<void> {
    const userIds = [...changed];
    changed.clear();
    timer = undefined;
    await read(userIds);
  }

  /** Takes over the presence of users. While the state is unavailable, keeps the presence that is known, and tries again. */
  async function read(userIds: readonly string[]): Promise<void> {
    if (userIds.length === 0) return;
    try {
      index.update(userIds, await presence.online(userIds));
    } catch (error) {
      logger.warn({ error }, 'presence of members is not known: the state is unavailable');
      readSoon(userIds, retryMs);
    }
  }
}
