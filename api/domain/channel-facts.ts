import type { ChannelKind, EntryKind, MemberRole, Visibility } from '../events.ts';

/** Facts about a channel that the rules depend on. */
export interface ChannelFacts {
  kind: ChannelKind;
  visibility: Visibility;
  closedAt: Date | string | null;
  /** Lowest roles that may do something. They count in rooms only. */
  sendRole: MemberRole;
  attachRole: MemberRole;
  inviteRole: MemberRole;
  pinRole: MemberRole;
  /** Whether one of the members of a direct channel has blocked the other. Needed for writing alone. */
  isBlocked?: boolean;
}

/** Facts about a membership that the rules depend on. */
export interface MemberFacts {
  role: MemberRole;
  /** INVITED: was asked and has neither accepted nor declined. DECLINED: was asked and has declined. */
  state: 'INVITED' | 'DECLINED' | 'ACTIVE' | 'LEFT' | 'REMOVED';
  revision: number;
  /** The member may not write until then; null without a mute. */
  mutedUntil: Date | string | null;
  /** Set while the user is banned; the state is REMOVED then. */
  bannedAt: Date | string | null;
}

/** Facts about an entry that the rules depend on. */
export interface EntryFacts {
  authorId: string;
  kind: EntryKind;
  deletedAt: Date | string | null;
}

/** Returns whether a channel is a public room: everyone may see it and join it. */
export function isPublicRoom({ kind, visibility }: Pick<ChannelFacts, 'kind' | 'visibility'>): boolean {
  return kind === 'ROOM' && visibility === 'PUBLIC';
}
