import type { ChannelKind, EntryKind, HistoryAccess, MemberRole, Visibility } from '../events.ts';

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
  /** Part of the history that new members can read. It counts in rooms only. */
  history: HistoryAccess;
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
  /** Seq of the first entry that a member without a moderating role can read, fixed at joining; 0: of all entries. */
  readableFrom: number;
  /** Position of that entry; 0 if all entries can be read. No entry that can be read is below it. */
  readablePosition: number;
}

/** Facts about an entry that the rules depend on. */
export interface EntryFacts {
  seq: number;
  authorId: string;
  kind: EntryKind;
  deletedAt: Date | string | null;
}

/** Returns whether a channel is a public room: everyone may see it and join it. */
export function isPublicRoom({ kind, visibility }: Pick<ChannelFacts, 'kind' | 'visibility'>): boolean {
  return kind === 'ROOM' && visibility === 'PUBLIC';
}
