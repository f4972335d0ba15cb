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

/** Places of a user in a channel. MUTED is a member who may not write for some time; NONE was never there. */
export const standings = ['NONE', 'INVITED', 'ACTIVE', 'MUTED', 'LEFT', 'REMOVED', 'BANNED'] as const;
export type Standing = (typeof standings)[number];

/** Settings of a room that name the lowest role for something. */
export const roleSettings = ['sendRole', 'attachRole', 'inviteRole', 'pinRole'] as const;
type RoleSetting = (typeof roleSettings)[number];

/** Row of the table. */
interface Rule {
  kinds: readonly ChannelKind[];
  standings: readonly Standing[];
  /** Lowest roles in a room, all of which the user must reach, or settings that name them. Elsewhere roles do not count. */
  roles: readonly (MemberRole | RoleSetting)[];
  /** Whether it is possible in a closed channel. */
  whenClosed: boolean;
}

const anywhere = channelKinds;
const inRooms = ['ROOM'] as const;
const writers = ['ACTIVE'] as const;
const members = ['ACTIVE', 'MUTED'] as const;
const outsiders = ['NONE', 'INVITED', 'LEFT', 'REMOVED'] as const;

const table: Readonly<Record<Capability, Rule>> = {
  SEND: { kinds: anywhere, standings: writers, roles: ['sendRole'], whenClosed: false },
  ATTACH: { kinds: anywhere, standings: writers, roles: ['sendRole', 'attachRole'], whenClosed: false },
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
  JOIN: { kinds: inRooms, standings: outsiders, roles: ['MEMBER'], whenClosed: false },
  LEAVE: { kinds: ['ROOM', 'MATCH'], standings: members, roles: ['MEMBER'], whenClosed: true },
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
  if (!rule.kinds.includes(channel.kind)) return 'kind';
  if (!rule.standings.includes(standing)) return lackOfStanding(capability, standing);
  if (capability === 'JOIN' && standing !== 'INVITED' && !isPublicRoom(channel)) return 'hidden';
  if (channel.kind === 'ROOM' && !rule.roles.every((role) => hasRole(channel, member, role))) return 'role';
  if (channel.closedAt !== null && !rule.whenClosed) return 'closed';
  return channel.kind === 'DIRECT' && channel.isBlocked === true && isWriting(rule) ? 'blocked' : null;
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

function lackOfStanding(capability: Capability, standing: Standing): Lack {
  if (standing === 'BANNED') return 'banned';
  if (standing === 'MUTED' && capability !== 'JOIN') return 'muted';
  return capability === 'JOIN' ? 'already a member' : 'not a member';
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
