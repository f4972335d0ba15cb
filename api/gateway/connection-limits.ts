import { addressGroup, addressSite, siteFactor } from '../address.ts';

/** Maximum numbers of long-lived connections: WebSockets and streams over HTTP together. */
export interface ConnectionBounds {
  /** Number of them in this process. */
  node: number;
  /** Number of them from one address; for IPv6 from one /64 network, and `siteFactor` times as many from one /48 prefix. */
  perAddress: number;
  /** Number of them from one address, counted in the same way, without a viewer. */
  perAddressAnonymous: number;
  /** Number of them of one user. */
  perUser: number;
}

/** A place in the counts of connections, held until `release`. */
export interface Place {
  /**
   * Counts the connection for its user, or for those without one.
   * @param userId null: the connection has no viewer
   * @returns false if there are too many of them already
   */
  identify(userId: string | null): boolean;
  /** Gives the place back. Repeated calls do nothing. */
  release(): void;
}

/**
 * Creates the counts of connections of a process.
 * @param onRefused counts refusals by the name of their bound, for metrics
 */
export function createConnectionLimits(bounds: ConnectionBounds, onRefused: (limit: string) => void) {
  const addresses = createAddressCounts();
  const anonymous = createAddressCounts();
  const users = createCounts();
  let total = 0;

  return {
    /** Number of places taken. */
    size: () => total,
    /** Takes a place for a connection; returns null if the node or the address has none left. */
    enter(address: string): Place | null {
      if (total >= bounds.node) return refuse('connections');
      if (!addresses.add(address, bounds.perAddress)) return refuse('connections-of-address');
      total++;
      return createPlace(address);
    },
  };

  function refuse(limit: string): null {
    onRefused(limit);
    return null;
  }

  function createPlace(address: string): Place {
    let leave = () => {};
    let isReleased = false;
    return {
      identify(userId) {
        if (isReleased) return false;
        const [counts, key, bound, limit] =
          userId === null
            ? ([anonymous, address, bounds.perAddressAnonymous, 'anonymous-connections'] as const)
            : ([users, userId, bounds.perUser, 'connections-of-user'] as const);
        if (!counts.add(key, bound)) {
          onRefused(limit);
          return false;
        }
        leave();
        leave = () => counts.remove(key);
        return true;
      },
      release() {
        if (isReleased) return;
        isReleased = true;
        leave();
        addresses.remove(address);
        total--;
      },
    };
  }
}

export type ConnectionLimits = ReturnType<typeof createConnectionLimits>;

/** Creates counts by address: by `addressGroup`, and by `addressSite` with `siteFactor` times the bound. */
export function createAddressCounts() {
  const groups = createCounts();
  const sites = createCounts();

  return {
    /** Adds one; returns false, and adds nothing, if the address or its prefix has reached its bound. */
    add(address: string, bound: number): boolean {
      const group = addressGroup(address);
      if (!groups.add(group, bound)) return false;
      const site = addressSite(address);
      if (site === null || sites.add(site, bound * siteFactor)) return true;
      groups.remove(group);
      return false;
    },
    remove(address: string): void {
      groups.remove(addressGroup(address));
      const site = addressSite(address);
      if (site !== null) sites.remove(site);
    },
  };
}

/** Creates counts by key. A key at zero takes no memory. */
function createCounts() {
  const counts = new Map<string, number>();

  return {
    /** Adds one; returns false, and adds nothing, if the key has reached its bound. */
    add(key: string, bound: number): boolean {
      const count = counts.get(key) ?? 0;
      if (count >= bound) return false;
      counts.set(key, count + 1);
      return true;
    },
    remove(key: string): void {
      const count = (counts.get(key) ?? 0) - 1;
      if (count > 0) counts.set(key, count);
      else counts.delete(key);
    },
  };
}
