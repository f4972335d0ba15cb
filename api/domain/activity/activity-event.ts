import type { Positioned } from '../../live/live-source.ts';
import type { Membership } from '../channel-reads.ts';

/** A transient signal of a channel, in its newest state. */
export type ActivityEvent =
  /** A member types, or has ceased to. */
  | { type: 'typing'; userId: string; isActive: boolean }
  /** A member is online, or has gone offline or left. */
  | { type: 'presence'; userId: string; isOnline: boolean }
  /** A member has seen more. */
  | { type: 'receipt'; userId: string; membership: Membership };

/**
 * A signal at its place among those of a channel on this node. `leftAt` is set on one that is for a former member alone, whose
 * subscriptions it ends: the position of the entry by which the user left, or infinite if that is not known.
 */
export type ActivityItem = ActivityEvent & Positioned & { leftAt: number | null };

/** Returns the key of a signal: a newer one with the same key replaces it. */
export function keyOf({ type, userId }: ActivityEvent): string {
  return `${type} ${userId}`;
}

/** Returns whether a signal tells of something that lasts: users who begin to follow get it as the present state. */
export function isPresent(event: ActivityEvent): boolean {
  if (event.type === 'typing') return event.isActive;
  return event.type === 'presence' && event.isOnline;
}
