import fc from 'fast-check';
import { v5 as uuidV5 } from 'uuid';
import type { AttachmentFacts, NewEvent, UserFacts } from '../../api/events.ts';

const namespace = '5f0c2f80-3a64-4d0e-8f4b-2b8f6b1f7a11';

/** Returns the UUID of a name: the same for the same name. */
export const idOf = (name: string): string => uuidV5(name, namespace);

/** Returns the facts that events contain about the user with a name. */
export const factsOf = (name: string): UserFacts => ({ id: idOf(name), name, createdAt: '2026-01-01T00:00:00.000Z' });

export const room = idOf('room');
const people = ['owner', 'ada', 'bob'] as const;
type Person = (typeof people)[number];

let counter = 0;

/** Returns the fields that every event has. */
export function base(actor: Person) {
  const at = new Date(Date.UTC(2026, 0, 1) + counter * 1_000).toISOString();
  return { eventId: idOf(`event ${counter++}`), channelId: room, gatewayId: 'gateway', at, actorId: idOf(actor) };
}

/** Creates the event that opens the room of all events, with its owner. */
export function opened(): NewEvent {
  const members = [{ user: factsOf('owner'), role: 'OWNER' as const }];
  return { ...base('owner'), type: 'ChannelOpened', kind: 'ROOM', visibility: 'PUBLIC', name: 'Room', members };
}

const person = fc.constantFrom(...people);
const guest = fc.constantFrom('ada' as const, 'bob' as const);
const revision = fc.integer({ min: 0, max: 4 });
const key = fc.integer({ min: 0, max: 5 }).map((n) => `key ${n}`);
const text = fc.constantFrom('tea', 'coffee', 'water');
const messageOf = (author: Person, clientId: string) => uuidV5(`${idOf(author)}:${clientId}`, room);

/** Generates any event in the room, allowed or not, stale or not. The owner never leaves. */
export const eventMaker: fc.Arbitrary<() => NewEvent> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(person, key, text, fc.option(fc.tuple(person, key))).map(
      ([author, clientId, said, reply]) =>
        () =>
          sent(author, clientId, said, reply),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(person, key, text, revision).map(([author, clientId, said, made]) => () => ({
      ...base(author),
      type: 'MessageEdited' as const,
      messageId: messageOf(author, clientId),
      text: said,
      revision: made,
    })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(person, key).map(([author, clientId]) => () => ({
      ...base(author),
      type: 'MessageDeleted' as const,
      messageId: messageOf(author, clientId),
      asModerator: false,
    })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(guest, revision).map(([who, made]) => () => ({
      ...base(who),
      type: 'MemberJoined' as const,
      user: factsOf(who),
      revision: made,
    })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(guest, revision).map(([who, made]) => () => ({
      ...base(who),
      type: 'MemberLeft' as const,
      userId: idOf(who),
      revision: made,
      gone: false,
    })),
  },
  {
    weight: 1,
    arbitrary: text.map((name) => () => ({
      ...base('owner'),
      type: 'ChannelUpdated' as const,
      name,
      visibility: null,
    })),
  },
);

/** Generates reactions to the messages of `eventMaker`. Several that are applied together change a message once. */
export const reactionMaker: fc.Arbitrary<() => NewEvent> = fc
  .tuple(person, fc.tuple(person, key), fc.constantFrom('👍', '❤️'), fc.boolean())
  .map(([who, [author, clientId], emoji, isAdded]) => () => ({
    ...base(who),
    type: isAdded ? ('ReactionAdded' as const) : ('ReactionRemoved' as const),
    messageId: messageOf(author, clientId),
    emoji,
  }));

function sent(author: Person, clientId: string, said: string, reply: [Person, string] | null): NewEvent {
  const messageId = messageOf(author, clientId);
  return {
    ...base(author),
    type: 'MessageSent',
    messageId,
    clientId,
    text: said,
    replyToId: reply && messageOf(...reply),
    attachments: withFile.has(clientId) ? [fileOf(clientId)] : [],
  };
}

/** Client ids whose messages have a file: the same file for every author. */
const withFile = new Set(['key 0', 'key 1']);

const fileOf = (name: string): AttachmentFacts => ({
  id: idOf(`file ${name}`),
  filename: name,
  mimetype: 'text/plain',
  byteSize: 1,
  width: null,
  height: null,
});
