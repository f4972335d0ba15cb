import { maxReactionKinds } from '../domain/policies.ts';
import { type ReactionSummary, summaryUsers } from '../events.ts';

/** A reaction of one user to a message that is known. */
export interface UserReaction {
  emoji: string;
  userId: string;
}

/** Reactions to one message that come and go together. */
export interface ReactionChanges {
  removed: readonly UserReaction[];
  /** In the order in which they came. */
  added: readonly UserReaction[];
}

/**
 * Counts changes of the reactions to one message, one after another. A reaction that comes and goes again leaves no change.
 * @param summary reactions before the changes
 */
export function createReactionTally(summary: readonly ReactionSummary[]) {
  const counts = new Map(summary.map(({ emoji, count }) => [emoji, count]));
  const changed = new Map<string, UserReaction & { wasThere: boolean; isThere: boolean }>();

  return {
    /**
     * Sets whether a user reacts with an emoji; nothing happens if it is so already.
     * @param isStored whether the database has the reaction
     * @returns false if it would be one kind too many: nothing happens
     */
    set(reaction: UserReaction, isThere: boolean, isStored: boolean): boolean {
      const { emoji, userId } = reaction;
      const key = `${emoji} ${userId}`;
      const { wasThere, isThere: isThereNow } = changed.get(key) ?? { wasThere: isStored, isThere: isStored };
      if (isThereNow === isThere) return true;
      if (isThere && !counts.has(emoji) && counts.size >= maxReactionKinds) return false;
      count(emoji, isThere ? 1 : -1);
      // Removed first, so that changes stay in order of the latest.
      changed.delete(key);
      changed.set(key, { emoji, userId, wasThere, isThere });
      return true;
    },
    /** Returns the changes that are left. */
    changes(): ReactionChanges {
      const left = [...changed.values()].filter(({ wasThere, isThere }) => wasThere !== isThere);
      const of = (isAdded: boolean) =>
        left.filter(({ isThere }) => isThere === isAdded).map(({ emoji, userId }) => ({ emoji, userId }));
      return { removed: of(false), added: of(true) };
    },
  };

  function count(emoji: string, change: number): void {
    const number = (counts.get(emoji) ?? 0) + change;
    if (number === 0) counts.delete(emoji);
    else counts.set(emoji, number);
  }
}

/** Returns the emoji of which a summary names too few users once some reactions are removed: the next ones must be read. */
export function emojiToRead(summary: readonly ReactionSummary[], { removed }: ReactionChanges): string[] {
  const left = without(summary, removed);
  const before = new Map(summary.map(({ emoji, userIds }) => [emoji, userIds.length]));
  return left
    .filter(({ emoji, userIds, count }) => count > userIds.length && userIds.length < (before.get(emoji) ?? 0))
    .map(({ emoji }) => emoji);
}

/**
 * Returns the summary after some changes.
 * @param first ids of the first users who are left of each of `emojiToRead`
 */
export function summarise(
  summary: readonly ReactionSummary[],
  { removed, added }: ReactionChanges,
  first: ReadonlyMap<string, readonly string[]>,
): ReactionSummary[] {
  const kinds = new Map(
    without(summary, removed).map((kind) => [kind.emoji, { ...kind, userIds: first.get(kind.emoji) ?? kind.userIds }]),
  );
  for (const { emoji, userId } of added) {
    const { count, userIds } = kinds.get(emoji) ?? { count: 0, userIds: [] };
    const named = userIds.length < summaryUsers ? [...userIds, userId] : userIds;
    kinds.set(emoji, { emoji, count: count + 1, userIds: named });
  }
  return [...kinds.values()].filter(({ count }) => count > 0);
}

/** Keeps kinds that have nothing left: others may be added in their place. */
function without(summary: readonly ReactionSummary[], removed: readonly UserReaction[]): ReactionSummary[] {
  return summary.map(({ emoji, count, userIds }) => {
    const gone = new Set(removed.filter((reaction) => reaction.emoji === emoji).map(({ userId }) => userId));
    return { emoji, count: count - gone.size, userIds: userIds.filter((userId) => !gone.has(userId)) };
  });
}
