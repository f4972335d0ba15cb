import { type ChannelEvent, channelEvent, type NewEvent } from './events.ts';
import type { LogRecord } from './infra/event-log/event-log.ts';

/** Newest version of log records that this process can read. */
export const wireVersion = 3;
/** Newest version that every bridge can read, also those of releases that do not announce theirs. */
export const oldestWireVersion = 2;
const wireHeader = 'parley-wire';

/** Types of events that were added after version 1, each with the version that added it. */
const addedTypes: Partial<Record<ChannelEvent['type'], number>> = {
  ReactionAdded: 3,
  ReactionRemoved: 3,
  MessagePinned: 3,
  MessageUnpinned: 3,
  HistoryTrimmed: 3,
  NoticeSent: 3,
  MemberInvited: 3,
  MemberRemoved: 3,
  MemberUnbanned: 3,
  MemberMuted: 3,
  MemberRoleSet: 3,
  MessagesPurged: 3,
  UserErased: 3,
};
/** Fields that were added after version 1 to events of a type, each with the version that added it. */
const addedFields: Partial<Record<ChannelEvent['type'], readonly (readonly [field: string, version: number])[]>> = {
  ChannelOpened: [
    ['data', 3],
    ['description', 3],
    ['settings', 3],
    ['invitedIds', 3],
  ],
  ChannelUpdated: [
    ['data', 3],
    ['description', 3],
    ['settings', 3],
  ],
  MessageSent: [
    ['attachments', 2],
    ['data', 3],
    ['mentionIds', 3],
    ['mentionsAll', 3],
  ],
  // Only an edit of the data or the mentions has no text.
  MessageEdited: [
    ['data', 3],
    ['mentions', 3],
    ['ifPosition', 3],
  ],
  MessageDeleted: [['asModerator', 3]],
};

/** Thrown for a record that this process is too old to read. Its partition waits for a newer bridge. */
export class NewerWireError extends Error {
  override readonly name = 'NewerWireError';
}

/**
 * Encodes an event as a log record: JSON keyed by the channel's id. A header names the lowest wire version that holds all of
 * it, so that older processes can read as many records as possible.
 */
export function encodeEvent(event: NewEvent): LogRecord {
  return {
    key: event.channelId,
    value: Buffer.from(JSON.stringify(event)),
    headers: { [wireHeader]: String(lowestVersion(event)) },
  };
}

/** Returns the lowest wire version that holds all of an event: an addition that says nothing is not needed. */
function lowestVersion(event: NewEvent): number {
  const fields: Readonly<Record<string, unknown>> = event;
  const needed = (addedFields[event.type] ?? []).filter(([field]) => saysSomething(fields[field]));
  return Math.max(1, addedTypes[event.type] ?? 1, ...needed.map(([, version]) => version));
}

/** Returns whether a value differs from those that a reader assumes for a field it does not find: null, false, an empty list. */
function saysSomething(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value != null && value !== false;
}

/** Returns the wire version of an encoded record; NaN if it names none. */
export function wireVersionOf({ headers }: LogRecord): number {
  return Number(headers[wireHeader]);
}

/**
 * Decodes the event of a log record.
 * @throws NewerWireError if the record's version is above `wireVersion`; another error if the record is malformed
 */
export function decodeEvent(record: LogRecord): ChannelEvent {
  const version = wireVersionOf(record);
  if (version > wireVersion) {
    throw new NewerWireError(
      `record of wire version ${version}, this process reads up to ${wireVersion}: upgrade this process`,
    );
  }
  if (!(version >= 1)) throw new Error(`no readable ${wireHeader} header`);
  return channelEvent.parse(JSON.parse(Buffer.from(record.value).toString('utf8')));
}
