import { z } from 'zod';
import type { ErrorCode } from './errors.ts';

const id = z.uuid();
/** ISO 8601, UTC, milliseconds. */
const time = z.iso.datetime({ precision: 3 });

export const channelKinds = ['ROOM', 'DIRECT', 'MATCH'] as const;
export const visibilities = ['PUBLIC', 'PRIVATE'] as const;
export const memberRoles = ['OWNER', 'MODERATOR', 'MEMBER'] as const;
export const entryKinds = ['TEXT', 'NOTICE', 'JOINED', 'LEFT', 'REMOVED'] as const;
export const historyAccesses = ['ALL', 'SINCE_JOINED'] as const;
export const matchEndReasons = ['LEFT', 'PARTNER_LEFT', 'PARTNER_GONE', 'EXPIRED'] as const;
export type ChannelKind = (typeof channelKinds)[number];
export type Visibility = (typeof visibilities)[number];
export type MemberRole = (typeof memberRoles)[number];
export type HistoryAccess = (typeof historyAccesses)[number];
export type EntryKind = (typeof entryKinds)[number];
export type MatchEndReason = (typeof matchEndReasons)[number];

/** Facts about a user in an event: enough to insert the row if a restored database lacks it. */
const userFacts = z.object({ id, name: z.string(), createdAt: time });
export type UserFacts = z.infer<typeof userFacts>;

/** Text of a JSON object; see api/domain/custom-data.ts. */
const data = z.string();

/** Facts about a file in an event: enough to show the file even if its upload row is gone. */
const attachmentFacts = z.object({
  id,
  filename: z.string(),
  mimetype: z.string(),
  /** Size in bytes. */
  byteSize: z.int(),
  /** Width and height of a picture in pixels; null for other files. */
  width: z.int().nullable(),
  height: z.int().nullable(),
});
export type AttachmentFacts = z.infer<typeof attachmentFacts>;

const role = z.enum(memberRoles);

/**
 * Rules of a room: the lowest roles that may do something, the history of new members, and the seconds between two messages of one
 * member.
 */
const channelSettings = z.object({
  send: role,
  attach: role,
  invite: role,
  pin: role,
  history: z.enum(historyAccesses),
  slowModeSeconds: z.int(),
});
/** Rules of a room, of which some may be missing: they stay as they are, or have their defaults. */
const someSettings = channelSettings.partial();
export type ChannelSettings = z.infer<typeof channelSettings>;
export type SomeSettings = z.infer<typeof someSettings>;
/** A replacement of custom data: null removes it. */
const newData = z.object({ json: data.nullable() });

const base = z.object({
  eventId: id,
  channelId: id,
  /** Id of the gateway that waits for the outcome. */
  gatewayId: z.string(),
  /** Time of the event, by the clock of that gateway. */
  at: time,
  /** Id of the user who acts. */
  actorId: id,
});

/**
 * Everything that can happen in a channel: facts in the event log, keyed by the channel's id. The bridge decides whether an
 * event is applied. `revision` is the revision of the row that the event was based on, so that the bridge recognises stale events.
 */
export const channelEvent = z.discriminatedUnion('type', [
  /**
   * A channel is opened with its first members. Rejected only if a block is between the members of a direct channel; a repeated
   * event is recognised by the channel's id.
   */
  base.extend({
    type: z.literal('ChannelOpened'),
    kind: z.enum(channelKinds),
    visibility: z.enum(visibilities),
    name: z.string().nullable(),
    data: data.nullable().default(null),
    members: z.array(z.object({ user: userFacts, role })).min(1),
    /** Ids of those members who are asked, and have not accepted yet. */
    invitedIds: z.array(id).default([]),
    description: z.string().nullable().default(null),
    settings: someSettings.nullable().default(null),
  }),
  /** A room's own properties change; null leaves a property as it is. An empty description removes it. */
  base.extend({
    type: z.literal('ChannelUpdated'),
    name: z.string().nullable(),
    visibility: z.enum(visibilities).nullable(),
    description: z.string().nullable().default(null),
    settings: someSettings.nullable().default(null),
    data: newData.nullable().default(null),
  }),
  base.extend({ type: z.literal('ChannelClosed') }),
  /**
   * A user becomes a member: by joining or accepting an invitation. Revision 0: there was no row. Gateways before wire version 3
   * made others members by it; then the actor is the inviter.
   */
  base.extend({ type: z.literal('MemberJoined'), user: userFacts, revision: z.int() }),
  /** A user is asked to become a member. Revision 0: there was no row. */
  base.extend({ type: z.literal('MemberInvited'), user: userFacts, revision: z.int() }),
  /** A member leaves, which ends a match, or a user declines an invitation. `gone`: the user was absent from the match for too long. */
  base.extend({ type: z.literal('MemberLeft'), userId: id, revision: z.int(), gone: z.boolean() }),
  /** A member is removed by a moderator. A ban keeps the user out, and may concern a user without a membership. */
  base.extend({
    type: z.literal('MemberRemoved'),
    userId: id,
    isBan: z.boolean(),
    /** Facts about a banned user, who may not be a member; null for a kick. */
    user: userFacts.nullable(),
    /** The user's messages since then are deleted, by `MessagesPurged`; null deletes none. */
    deleteSince: time.nullable(),
  }),
  base.extend({ type: z.literal('MemberUnbanned'), userId: id }),
  /** A member may not write until a time; null ends that. */
  base.extend({ type: z.literal('MemberMuted'), userId: id, until: time.nullable() }),
  base.extend({ type: z.literal('MemberRoleSet'), userId: id, role }),
  /** The next messages of a banned user are deleted, as far as a ban said. */
  base.extend({ type: z.literal('MessagesPurged'), userId: id }),
  /** A message is sent. `messageId` is derived from channel, author and client id, so that it is the same for every retry. */
  base.extend({
    type: z.literal('MessageSent'),
    messageId: id,
    clientId: z.string(),
    text: z.string(),
    replyToId: id.nullable(),
    attachments: z.array(attachmentFacts).default([]),
    data: data.nullable().default(null),
    /** Ids of users, each once. */
    mentionIds: z.array(id).default([]),
    /** Whether every member is mentioned. */
    mentionsAll: z.boolean().default(false),
  }),
  /**
   * A message changes; null leaves a part as it is. At least one part is given.
   * With `ifPosition`, the position of the state that the author saw, it decides whether the event is stale.
   */
  base.extend({
    type: z.literal('MessageEdited'),
    messageId: id,
    text: z.string().nullable(),
    data: newData.nullable().default(null),
    mentions: z
      .object({ ids: z.array(id) })
      .nullable()
      .default(null),
    revision: z.int(),
    ifPosition: z.int().nullable().default(null),
  }),
  /**
   * The embedding application tells something in a channel. A repeated event is recognised by the message's id.
   * `about`: the user that the notice is about, if any.
   */
  base.extend({
    type: z.literal('NoticeSent'),
    messageId: id,
    clientId: z.string().nullable(),
    text: z.string(),
    data: data.nullable(),
    about: userFacts.nullable(),
  }),
  /** A message is deleted. `asModerator`: by a moderator of the service, as the gateway has checked; such an actor may be no member. */
  base.extend({ type: z.literal('MessageDeleted'), messageId: id, asModerator: z.boolean().default(false) }),
  /** A user reacts to a message with one emoji, which is fully qualified. */
  base.extend({ type: z.literal('ReactionAdded'), messageId: id, emoji: z.string() }),
  base.extend({ type: z.literal('ReactionRemoved'), messageId: id, emoji: z.string() }),
  /**
   * A user is erased: the profile, the membership of the channel, and some of the user's messages in it, which are deleted. Never
   * rejected. The first event of an erasure has the user's id in place of a channel's, and erases the profile alone.
   */
  base.extend({ type: z.literal('UserErased'), userId: id, messageIds: z.array(id) }),
  /** A message is pinned to its channel, or no longer. */
  base.extend({ type: z.literal('MessagePinned'), messageId: id }),
  base.extend({ type: z.literal('MessageUnpinned'), messageId: id }),
  /** Entries up to a seq are older than the retention: some of them are removed, from the first one on. */
  base.extend({ type: z.literal('HistoryTrimmed'), throughSeq: z.int() }),
]);
export type ChannelEvent = z.infer<typeof channelEvent>;
/** An event to write, which may leave out additions that say nothing. */
export type NewEvent = z.input<typeof channelEvent>;
/** An event of one type. */
export type EventOf<Type extends ChannelEvent['type']> = Extract<ChannelEvent, { type: Type }>;

/** An event that adds or removes a reaction. */
export type ReactionEvent = EventOf<'ReactionAdded' | 'ReactionRemoved'>;

/** Maximum number of users that a summary of reactions names. */
export const summaryUsers = 20;

/** The reactions to a message with one emoji. */
export interface ReactionSummary {
  emoji: string;
  count: number;
  /** Ids of the first users, at most `summaryUsers`. */
  userIds: readonly string[];
}

/** One entry of a channel's history in one of its states, as it is stored, published and delivered. */
export interface Entry {
  id: string;
  channelId: string;
  authorId: string;
  kind: EntryKind;
  clientId: string | null;
  seq: number;
  position: number;
  text: string;
  replyToId: string | null;
  /** Author of the message that this one replies to; null if it is no reply. */
  replyToAuthorId: string | null;
  /** Number of messages that reply to this one, without deleted ones. */
  replyCount: number;
  attachments: readonly AttachmentFacts[];
  /** In the order in which the emoji came; none without reactions. */
  reactions: readonly ReactionSummary[];
  /** Text of a JSON object. */
  data: string | null;
  /** Ids of the members that the message mentions, each once. */
  mentionIds: readonly string[];
  /** Whether it mentions every member. */
  mentionsAll: boolean;
  /** ISO 8601, like the times below. */
  sentAt: string;
  editedAt: string | null;
  deletedAt: string | null;
  /** Null if the message is not pinned. */
  pinnedAt: string | null;
  /** Incremented by every edit and by the deletion; not by reactions and replies. */
  revision: number;
}

/** Reason why the bridge did not apply an event. */
export type Rejection =
  | {
      code: Extract<ErrorCode, 'NOT_FOUND' | 'FORBIDDEN' | 'CONFLICT' | 'BAD_USER_INPUT' | 'UNAVAILABLE'>;
      message: string;
    }
  | { code: 'RATE_LIMITED'; message: string; retryAfterMs: number };

/** Outcome of an event: applied, with the entry that it created or changed if any, or rejected. */
export type Outcome = { applied: true; entry: Entry | null } | { applied: false; rejection: Rejection };

/** Place of an event in the log. */
export interface LogPlace {
  partition: number;
  /** A safe integer. */
  offset: number;
}

/** An event that was read from the log. */
export type Logged<Event extends ChannelEvent = ChannelEvent> = Event & LogPlace;

/** State of a channel after a change, as far as its followers need it. */
export interface Head extends LogPlace {
  channelId: string;
  position: number;
  seq: number;
  /** Incremented by every change, including those that take no position. */
  version: number;
  /** Partition of the log that has the channel's events; -1 if it is not known. */
  partition: number;
  /** Offset of the newest event that changed the channel; -1 if it is not known. */
  offset: number;
  /** Entries up to this seq were removed because of their age; left out if the change removed none. */
  trimmedSeq?: number;
  /** Whether the channel's own properties changed: it was opened, renamed, closed, or its visibility changed. */
  changed: boolean;
  /**
   * Offset up to which all signals of this partition were handed to pubsub by the bridge that published this head; -1 if it
   * is not known. A signal whose publishing failed holds it back until it is repeated.
   */
  through: number;
}

/** A change of one channel. */
export interface ChannelSignal {
  head: Head;
  /** New states of entries, in order of position; empty if none changed, or if only the head is known. */
  entries: readonly Entry[];
  /** Id of a member whose profile changed; then nothing else did. */
  profileOf?: string;
}

/** A change that concerns one user alone. Subscribers look the new state up. */
export type UserSignal =
  /** The user's membership of a channel began, changed or ended. */
  | { type: 'membership'; channelId: string }
  /** The user's match or place in the queue changed. */
  | { type: 'match' }
  /** The user's seen mark in a channel moved. */
  | { type: 'seen'; channelId: string }
  /** The user's preferences for a channel changed. */
  | { type: 'preferences'; channelId: string }
  /** The user's profile or preferences changed. */
  | { type: 'profile' }
  /** The user blocked or unblocked somebody. */
  | { type: 'blocks' }
  /** Sessions of the user were revoked. */
  | { type: 'sessions'; sessionIds: readonly string[] };

/** Transient signals of one channel, which a gateway gathers for a moment. Nothing stores them. */
export interface ActivitySignal {
  /** Ids of the users who began to type or go on, and of the users who ceased. */
  typing: readonly string[];
  ceased: readonly string[];
  /** Ids of the members whose seen mark moved. */
  seen: readonly string[];
  /** Whether gateways must tell again who types: somebody has begun to follow the channel. */
  asks: boolean;
}

/** Topics of pubsub, each with the type of its messages. */
export interface Signals {
  /** Changes of one channel: one signal for each transaction that changed it. */
  [channel: `channel:${string}`]: ChannelSignal;
  /** Changes that concern one user alone. */
  [user: `user:${string}`]: UserSignal;
  /** Transient signals of one channel: who types, and how far members have seen. */
  [activity: `activity:${string}`]: ActivitySignal;
  /** Outcomes of events that one gateway appended. */
  [outcomes: `outcomes:${string}`]: readonly { eventId: string; outcome: Outcome }[];
  /**
   * For every gateway: a bridge has taken over a partition. Signals of changes that another bridge applied may be missing.
   * `from` is the offset of the first event that the bridge applies.
   */
  takeovers: { partition: number; from: number };
  /** For every gateway: id of a user whose profile changed. */
  users: string;
  /** For every gateway: ids of users who came online or went offline. */
  presence: readonly string[];
}
export type Topic = keyof Signals & string;

/** Returns the topic of a channel's changes. */
export const channelTopic = (channelId: string) => `channel:${channelId}` as const;
/** Returns the topic of the changes that concern one user alone. */
export const userTopic = (userId: string) => `user:${userId}` as const;
/** Returns the topic of a channel's transient signals. */
export const activityTopic = (channelId: string) => `activity:${channelId}` as const;
/** Returns the topic of a gateway's outcomes. */
export const outcomesTopic = (gatewayId: string) => `outcomes:${gatewayId}` as const;
