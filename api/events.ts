import { z } from 'zod';
import type { ErrorCode } from './errors.ts';
import type { LogRecord } from './infra/event-log/event-log.ts';

/** The newest version of records that this process can read. Version 2 brought attachments. */
const wireVersion = 2;
const wireHeader = 'parley-wire';

const id = z.uuid();
/** ISO 8601, UTC, milliseconds. */
const time = z.iso.datetime({ precision: 3 });

export const channelKinds = ['ROOM', 'DIRECT', 'MATCH'] as const;
export const visibilities = ['PUBLIC', 'PRIVATE'] as const;
export const memberRoles = ['OWNER', 'MODERATOR', 'MEMBER'] as const;
export const entryKinds = ['TEXT', 'JOINED', 'LEFT', 'REMOVED'] as const;
export const matchEndReasons = ['LEFT', 'PARTNER_LEFT', 'PARTNER_GONE', 'EXPIRED'] as const;
export type ChannelKind = (typeof channelKinds)[number];
export type Visibility = (typeof visibilities)[number];
export type MemberRole = (typeof memberRoles)[number];
export type EntryKind = (typeof entryKinds)[number];
export type MatchEndReason = (typeof matchEndReasons)[number];

/** What an event says of a user: enough to insert the row where a restored database lacks it. */
const userFacts = z.object({ id, name: z.string(), createdAt: time });
export type UserFacts = z.infer<typeof userFacts>;

/** What an event says of a file: enough to show it, whatever becomes of the upload's own row. */
const attachmentFacts = z.object({
  id,
  filename: z.string(),
  mimetype: z.string(),
  /** In bytes. */
  byteSize: z.int(),
  /** Of a picture, in pixels; null for any other file. */
  width: z.int().nullable(),
  height: z.int().nullable(),
});
export type AttachmentFacts = z.infer<typeof attachmentFacts>;

const base = z.object({
  eventId: id,
  channelId: id,
  /** The gateway that waits for the outcome. */
  gatewayId: z.string(),
  /** When, by the clock of that gateway. */
  at: time,
  /** The user who does it. */
  actorId: id,
});

/**
 * Everything that can happen in a channel: facts on the log, keyed by the channel's id. Whether one is applied is the
 * bridge's word; a `revision` is that of the row the event was made from, so that a stale one is told apart.
 */
const channelEvent = z.discriminatedUnion('type', [
  /** A channel comes to be, with its first members. Never refused; known again by its id. */
  base.extend({
    type: z.literal('ChannelOpened'),
    kind: z.enum(channelKinds),
    visibility: z.enum(visibilities),
    name: z.string().nullable(),
    members: z.array(z.object({ user: userFacts, role: z.enum(memberRoles) })).min(1),
  }),
  /** A room's name or visibility; null leaves it as it is. */
  base.extend({
    type: z.literal('ChannelUpdated'),
    name: z.string().nullable(),
    visibility: z.enum(visibilities).nullable(),
  }),
  base.extend({ type: z.literal('ChannelClosed') }),
  /** Somebody becomes a member: by joining (actor and user are one) or by invitation. Revision 0: there was no row. */
  base.extend({ type: z.literal('MemberJoined'), user: userFacts, revision: z.int() }),
  /** Somebody goes; a match ends by it. `gone`: the user stayed away from the match for too long. */
  base.extend({ type: z.literal('MemberLeft'), userId: id, revision: z.int(), gone: z.boolean() }),
  /** `messageId` is made from channel, author and client id: the same for every retry. */
  base.extend({
    type: z.literal('MessageSent'),
    messageId: id,
    clientId: z.string(),
    text: z.string(),
    replyToId: id.nullable(),
    attachments: z.array(attachmentFacts).default([]),
  }),
  base.extend({ type: z.literal('MessageEdited'), messageId: id, text: z.string(), revision: z.int() }),
  base.extend({ type: z.literal('MessageDeleted'), messageId: id }),
]);
export type ChannelEvent = z.infer<typeof channelEvent>;
/** The event of one type. */
export type EventOf<Type extends ChannelEvent['type']> = Extract<ChannelEvent, { type: Type }>;

/** One entry of a channel's history in one of its states: what is stored, published and delivered. */
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
  /** Who wrote what it answers. */
  replyToAuthorId: string | null;
  attachments: readonly AttachmentFacts[];
  /** ISO 8601, as are the two below. */
  sentAt: string;
  editedAt: string | null;
  deletedAt: string | null;
  /** Raised by every edit. */
  revision: number;
}

/** Why an event was not applied. */
export interface Rejection {
  code: Extract<ErrorCode, 'NOT_FOUND' | 'FORBIDDEN' | 'CONFLICT' | 'BAD_USER_INPUT' | 'UNAVAILABLE'>;
  message: string;
}

/** What became of an event: applied, with the entry that it made or changed if any, or refused. */
export type Outcome = { applied: true; entry: Entry | null } | { applied: false; rejection: Rejection };

/** Where a channel stands after a change. */
export interface Head {
  channelId: string;
  position: number;
  seq: number;
  /** Raised by every change, also by those that take no position. */
  version: number;
  /** Users whose membership changed. */
  userIds: readonly string[];
}

/** Pubsub's topics, and what each carries. */
export interface Signals {
  /** New states of entries of one channel, in order of position. */
  [entries: `channel:${string}`]: readonly Entry[];
  /** What became of events that one gateway appended. */
  [outcomes: `outcomes:${string}`]: readonly { eventId: string; outcome: Outcome }[];
  /** A user's match or place in the queue changed: look it up. */
  [match: `match:${string}`]: null;
  /** The channel in which a user's seen mark moved. */
  [seen: `seen:${string}`]: string;
  /** To every gateway: the channels that changed. */
  heads: readonly Head[];
  /** To every gateway: sessions that were revoked. */
  sessions: readonly string[];
  /** To every gateway: the user who changed. */
  users: string;
  /** To every gateway: the user whose blocks changed. */
  blocks: string;
}
export type Topic = keyof Signals & string;

/** The topic of a channel's entries. */
export const channelTopic = (channelId: string) => `channel:${channelId}` as const;
/** The topic of a gateway's outcomes. */
export const outcomesTopic = (gatewayId: string) => `outcomes:${gatewayId}` as const;
/** The topic of what happens to a user's match or place in the queue. */
export const matchTopic = (userId: string) => `match:${userId}` as const;

/** The topic of a user's seen marks. */
export const seenTopic = (userId: string) => `seen:${userId}` as const;

/** A record that this process is too old to read: its partition waits for a newer bridge. */
export class NewerWireError extends Error {
  override readonly name = 'NewerWireError';
}

/**
 * The record of an event: JSON under the channel's id, in a header the lowest wire version that says all of it, so that older
 * processes read what they can.
 */
export function encodeEvent(event: ChannelEvent): LogRecord {
  return {
    key: event.channelId,
    value: Buffer.from(JSON.stringify(event)),
    headers: { [wireHeader]: event.type === 'MessageSent' && event.attachments.length > 0 ? '2' : '1' },
  };
}

/**
 * The event of a record.
 * @throws NewerWireError when the record's version is above `wireVersion`; any other error when it cannot be read
 */
export function decodeEvent({ value, headers }: LogRecord): ChannelEvent {
  const version = Number(headers[wireHeader]);
  if (version > wireVersion) {
    throw new NewerWireError(
      `record of wire version ${version}, this process reads up to ${wireVersion}: upgrade bridges first`,
    );
  }
  if (!(version >= 1)) throw new Error(`no readable ${wireHeader} header`);
  return channelEvent.parse(JSON.parse(Buffer.from(value).toString('utf8')));
}
