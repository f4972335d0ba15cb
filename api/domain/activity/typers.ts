/** The users who type in one channel, each until a lease ends. */
export interface Typers {
  /** Renews or ends the lease of a user. */
  set(userId: string, isActive: boolean): void;
  has(userId: string): boolean;
  ids(): string[];
  /** Ends all leases without telling. */
  stop(): void;
}

/** Maximum number of users who count as typing in one channel; further ones are left out. */
const maxTypers = 1_000;

/**
 * Creates the typers of one channel.
 * @param options.leaseMs milliseconds for which a user counts as typing
 * @param options.onChange called with each user who begins or ceases to type
 */
export function createTypers(options: { leaseMs: number; onChange(userId: string, isActive: boolean): void }): Typers {
  const { leaseMs, onChange } = options;
  /** End of each lease by the monotonic clock, the first one to end first: all leases are equally long. */
  const leases = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;

  return {
    set(userId, isActive) {
      const wasActive = leases.delete(userId);
      if (!isActive && !wasActive) return;
      if (isActive && leases.size < maxTypers) leases.set(userId, performance.now() + leaseMs);
      schedule();
      if (leases.has(userId) !== wasActive) onChange(userId, !wasActive);
    },
    has: (userId) => leases.has(userId),
    ids: () => [...leases.keys()],
    stop() {
      leases.clear();
      schedule();
    },
  };

  function schedule(): void {
    clearTimeout(timer);
    const [endsAt] = leases.values();
    if (endsAt !== undefined) timer = setTimeout(expire, Math.max(0, endsAt - performance.now()));
  }

  function expire(): void {
    const now = performance.now();
    const ended: string[] = [];
    for (const [userId, endsAt] of leases) {
      if (endsAt > now) break;
      leases.delete(userId);
      ended.push(userId);
    }
    schedule();
    for (const userId of ended) onChange(userId, false);
  }
}
