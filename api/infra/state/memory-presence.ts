import type { Presence } from './state.ts';

/** Milliseconds for which the start of an absence is remembered. */
const awayMemoryMs = 86_400_000;

/** Creates the presence leases within this process. @param now epoch milliseconds */
export function createMemoryPresence(now: () => number): Presence {
  /** End of each lease, by user, then node. */
  const leases = new Map<string, Map<string, number>>();
  const awaySince = new Map<string, number>();

  function isOnline(userId: string): boolean {
    return [...(leases.get(userId)?.values() ?? [])].some((end) => end > now());
  }

  function renewOne(nodeId: string, userId: string, end: number): boolean {
    const wasOnline = isOnline(userId);
    const nodes = leases.get(userId) ?? new Map<string, number>();
    leases.set(userId, nodes.set(nodeId, end));
    awaySince.delete(userId);
    return !wasOnline;
  }

  function endOne(nodeId: string, userId: string): boolean {
    const nodes = leases.get(userId);
    if (nodes === undefined) return true;
    nodes.delete(nodeId);
    if (isOnline(userId)) return false;
    goOffline(userId);
    return true;
  }

  /** Ends expired leases, and returns the users without any left. */
  function expire(): string[] {
    const gone: string[] = [];
    for (const [userId, nodes] of leases) {
      for (const [nodeId, end] of nodes) if (end <= now()) nodes.delete(nodeId);
      if (nodes.size === 0) gone.push(userId);
    }
    for (const userId of gone) goOffline(userId);
    for (const [userId, since] of awaySince) if (since < now() - awayMemoryMs) awaySince.delete(userId);
    return gone;
  }

  function goOffline(userId: string): void {
    leases.delete(userId);
    awaySince.set(userId, now());
  }

  return {
    async renew(nodeId, userIds, leaseMs) {
      const online = userIds.filter((userId) => renewOne(nodeId, userId, now() + leaseMs));
      return { online, offline: expire() };
    },
    async end(nodeId, userIds) {
      return userIds.filter((userId) => endOne(nodeId, userId));
    },
    async online(userIds) {
      return new Set(userIds.filter(isOnline));
    },
    async seen(userId) {
      if (!isOnline(userId)) awaySince.set(userId, now());
    },
    async away(userIds) {
      return new Map(
        userIds.map((userId) => {
          if (isOnline(userId)) return [userId, 0];
          if (!awaySince.has(userId)) awaySince.set(userId, now());
          return [userId, Math.max(1, now() - (awaySince.get(userId) ?? now()))];
        }),
      );
    },
  };
}
