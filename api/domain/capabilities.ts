import { type ChannelKind, channelKinds, type MemberRole, memberRoles } from '../events.ts';
import { type ChannelFacts, isPublicRoom, type MemberFacts } from './channel-facts.ts';

/*
 * The capabilities of users in channels, as one table. The rules of `policies.ts`, by which the bridge decides, and `Channel.viewerCan`,
 * by which clients show their controls, both read it.
 */

/** Everything that depends on the kind, the settings and the state of a channel, and on the user's place in it. */
export const capabilities = [
  'SEND',
  'ATTACH',
  'REACT',
  'TYPE',
  'MENTION_ALL',
  'INVITE',
  'PIN',
  'UPDATE',
  'CLOSE',
  'KICK',
  'BAN',
  'MUTE',
  'DELETE_MESSAGES',
  'SET_ROLE',
  'JOIN',
  'LEAVE',
] as const;
export type Capability = (typeof capabilities)[number];

/**
 * Places of a user in a channel. MUTED is a member who may not write for some time; INVITED was asked and has not accepted, DECLINED has
 * declined; NONE was never there.
 */
export const standings = ['NONE', 'INVITED', 'DECLINED', 'ACTIVE', 'MUTED', 'LEFT', 'REMOVED', 'BANNED'] as const;
export type Standing = (typeof standings)[number];

/** Settings of a room that name the lowest role for something. */
export const roleSettings = ['sendRole', 'attachRole', 'inviteRole', 'pinRole'] as const;
type RoleSetting = (typeof roleSettings)[number];

/** Row of the table. */
interface Rule {
  kinds: readonly ChannelKind[];
  standings: readonly Standing[];
  /** Kinds in which it is possible for INVITED users, in place of `kinds`; none if left out. */
  invitedIn?: readonly ChannelKind[];
  /** Lowest roles in a room, all of which the user must reach, or settings that name them. Elsewhere roles do not count. */
  roles: readonly (MemberRole | RoleSetting)[];
  /** Whether it is possible in a closed channel. */
  whenClosed: boolean;
}

const anywhere = channelKinds;
const inRooms = ['ROOM'] as const;
const writers = ['ACTIVE'] as const;
const members = ['ACTIVE', 'MUTED'] as const;
const outsiders = ['NONE', 'DECLINED', 'LEFT', 'REMOVED'] as const;
/** Channels that ask a user to become a member. */
const asking = ['ROOM', 'DIRECT'] as const;
const inDirect = ['DIRECT'] as const;

const table: Readonly<Record<Capability, Rule>> = {
  SEND: {
    kinds: anywhere,
    standings: writers,
    roles: ['sendRole'],
    whenClosed: false,
    invitedIn: inDirect,
  },
  ATTACH: {
    kinds: anywhere,
    standings: writers,
    roles: ['sendRole', 'attachRole'],
    whenClosed: false,
    invitedIn: inDirect,
  },
  REACT: { kinds: anywhere, standings: writers, roles: ['MEMBER'], whenClosed: false },
  TYPE: { kinds: anywhere, standings: writers, roles: ['sendRole'], whenClosed: false },
  MENTION_ALL: { kinds: anywhere, standings: writers, roles: ['sendRole', 'MODERATOR'], whenClosed: false },
  INVITE: { kinds: inRooms, standings: writers, roles: ['inviteRole'], whenClosed: false },
  PIN: { kinds: anywhere, standings: writers, roles: ['pinRole'], whenClosed: false },
  UPDATE: { kinds: inRooms, standings: members, roles: ['OWNER'], whenClosed: false },
  CLOSE: { kinds: inRooms, standings: members, roles: ['OWNER'], whenClosed: false },
  KICK: { kinds: inRooms, standings: members, roles: ['MODERATOR'], whenClosed: true },
  BAN: { kinds: inRooms, standings: members, roles: ['MODERATOR'], whenClosed: true },
  MUTE: { kinds: inRooms, standings: members, roles: ['MODERATOR'], whenClosed: false },
  DELETE_MESSAGES: { kinds: inRooms, standings: members, roles: ['MODERATOR'], whenClosed: true },
  SET_ROLE: { kinds: inRooms, standings: members, roles: ['OWNER'], whenClosed: true },
  JOIN: {
    kinds: asking,
    standings: outsiders,
    roles: ['MEMBER'],
    whenClosed: false,
    invitedIn: asking,
  },
  LEAVE: {
    kinds: anywhere,
    standings: members,
    roles: ['MEMBER'],
    whenClosed: true,
    invitedIn: asking,
  },
};

/** Cause for which a user lacks a capability. `hidden`: the user may not learn that the channel exists. */
export type Lack =
  | 'hidden'
  | 'banned'
  | 'not a member'
  | 'already a member'
  | 'muted'
  | 'kind'
  | 'role'
  | 'closed'
  | 'blocked';

/**
 * Returns the cause for which a user lacks a capability; null if the user has it.
 * @param member the user's membership, also one that ended; null if there never was one
 * @param at time of the action: a mute ends by itself
 */
export function lackOf(
  capability: Capability,
  channel: ChannelFacts,
  member: MemberFacts | null,
  at: Date | string,
): Lack | null {
  const rule = table[capability];
  const standing = standingOf(member, at);
  const lack = lackOfPlace(rule, channel, standing) ?? (capability === 'JOIN' ? lackOfDoor(channel, standing) : null);
  if (lack) return lack;
  if (channel.kind === 'ROOM' && !rule.roles.every((role) => hasRole(channel, member, role))) return 'role';
  if (channel.closedAt !== null && !rule.whenClosed) return 'closed';
  return channel.kind === 'DIRECT' && channel.isBlocked === true && isWriting(rule) ? 'blocked' : null;
}

/** Users who have not been asked may join public rooms only. */
function lackOfDoor(channel: ChannelFacts, standing: Standing): Lack | null {
  const wasAsked = standing === 'INVITED' || standing === 'DECLINED';
  return wasAsked || isPublicRoom(channel) ? null : 'hidden';
}

/** Returns everything that a user may do in a channel at a time. */
export function capabilitiesOf(channel: ChannelFacts, member: MemberFacts | null, at: Date | string): Capability[] {
  return capabilities.filter((capability) => lackOf(capability, channel, member, at) === null);
}

/** Returns the place of a user in a channel at a time. */
export function standingOf(member: MemberFacts | null, at: Date | string): Standing {
  if (member === null) return 'NONE';
  if (member.bannedAt !== null) return 'BANNED';
  const isMuted = member.mutedUntil !== null && new Date(member.mutedUntil) > new Date(at);
  return member.state === 'ACTIVE' && isMuted ? 'MUTED' : member.state;
}

/** Returns whether a role is above another: one acts on members of lower roles only. */
export function isAbove(role: MemberRole, other: MemberRole): boolean {
  return rankOf(role) < rankOf(other);
}

/** A block keeps both members of a direct channel from everything that a mute keeps a member from. */
function isWriting(rule: Rule): boolean {
  return !rule.standings.includes('MUTED');
}

function lackOfPlace(rule: Rule, { kind }: ChannelFacts, standing: Standing): Lack | null {
  if (standing === 'INVITED') return rule.invitedIn?.includes(kind) ? null : 'not a member';
  if (!rule.kinds.includes(kind)) return 'kind';
  return rule.standings.includes(standing) ? null : lackOfStanding(rule, standing);
}

function lackOfStanding(rule: Rule, standing: Standing): Lack {
  if (standing === 'BANNED') return 'banned';
  if (rule === table.JOIN) return 'already a member';
  return standing === 'MUTED' ? 'muted' : 'not a member';
}

function hasRole(channel: ChannelFacts, member: MemberFacts | null, role: MemberRole | RoleSetting): boolean {
  const lowest = isRoleSetting(role) ? channel[role] : role;
  return rankOf(member?.role ?? 'MEMBER') <= rankOf(lowest);
}

function isRoleSetting(role: MemberRole | RoleSetting): role is RoleSetting {
  return roleSettings.some((setting) => setting === role);
}

/** The owner has rank 0. */
function rankOf(role: MemberRole): number {
  return memberRoles.indexOf(role);
}
