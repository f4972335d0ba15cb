/** The members of one channel, as far as they are known, with the number of members online. */
export interface MemberGroup {
  /** In order; distinct. */
  memberIds: readonly string[];
  onlineCount: number;
  /** The first members who are online; null until it is read after a change. */
  firstOnline: readonly string[] | null;
  /** Called with each member who comes online or goes offline, or joins or leaves the group while online. */
  onChange(userId: string, isOnline: boolean): void;
}

interface KnownUser {
  isOnline: boolean;
  groups: Set<MemberGroup>;
}

/**
 * Creates an index of groups by their members, which keeps the number of online members of each group.
 * @param maxListed maximum number of members that `firstOnline` returns
 */
export function createPresenceIndex(maxListed: number) {
  const users = new Map<string, KnownUser>();

  return {
    /** Replaces the members of a group. Returns the ids of those whose presence is not known yet: they count as offline. */
    replace(group: MemberGroup, memberIds: readonly string[]): string[] {
      const added = new Set(memberIds);
      for (const userId of group.memberIds) if (!added.delete(userId)) removeFrom(userId, group);
      group.memberIds = memberIds;
      group.firstOnline = null;
      return [...added].filter((userId) => !addTo(userId, group));
    },
    has: (userId: string) => users.has(userId),
    /** Takes over the presence of users. @param onlineIds those of them who are online */
    update(userIds: Iterable<string>, onlineIds: ReadonlySet<string>): void {
      for (const userId of userIds) setOnline(userId, onlineIds.has(userId));
    },
    /** Returns the first members of a group who are online. */
    firstOnline(group: MemberGroup): readonly string[] {
      group.firstOnline ??= findOnline(group.memberIds, Math.min(maxListed, group.onlineCount));
      return group.firstOnline;
    },
  };

  /** Returns whether the user was known. */
  function addTo(userId: string, group: MemberGroup): boolean {
    const user = users.get(userId);
    if (user === undefined) {
      users.set(userId, { isOnline: false, groups: new Set([group]) });
      return false;
    }
    user.groups.add(group);
    if (user.isOnline) count(group, userId, true);
    return true;
  }

  function removeFrom(userId: string, group: MemberGroup): void {
    const user = users.get(userId);
    if (!user?.groups.delete(group)) return;
    if (user.isOnline) count(group, userId, false);
    if (user.groups.size === 0) users.delete(userId);
  }

  function setOnline(userId: string, isOnline: boolean): void {
    const user = users.get(userId);
    if (user === undefined || user.isOnline === isOnline) return;
    user.isOnline = isOnline;
    for (const group of user.groups) count(group, userId, isOnline);
  }

  function count(group: MemberGroup, userId: string, isOnline: boolean): void {
    group.onlineCount += isOnline ? 1 : -1;
    group.firstOnline = null;
    group.onChange(userId, isOnline);
  }

  function findOnline(memberIds: readonly string[], count: number): string[] {
    const found: string[] = [];
    for (let n = 0; n < memberIds.length && found.length < count; n++) {
      const userId = memberIds[n] as string;
      if (users.get(userId)?.isOnline) found.push(userId);
    }
    return found;
  }
}

/** See `createPresenceIndex`. */
export type PresenceIndex = ReturnType<typeof createPresenceIndex>;
