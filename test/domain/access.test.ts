import { describe, expect, it } from 'vitest';
import {
  canReadChannel,
  canReadEntry,
  canReadFile,
  canSeeChannel,
  judgeLiveEntry,
  type ReaderFacts,
} from '../../api/domain/access.ts';
import { ForbiddenError } from '../../api/errors.ts';
import type { Entry } from '../../api/events.ts';

const file = { id: 'file', filename: 'a.txt', mimetype: 'text/plain', byteSize: 1, width: null, height: null };
const entry: Entry = {
  id: 'entry',
  channelId: 'hall',
  authorId: 'ada',
  kind: 'TEXT',
  clientId: null,
  seq: 2,
  position: 2,
  text: 'Hello',
  replyToId: null,
  replyToAuthorId: null,
  attachments: [file],
  replyCount: 0,
  reactions: [],
  pinnedAt: null,
  data: null,
  mentionIds: [],
  mentionsAll: false,
  sentAt: '2026-01-01T00:00:00.000Z',
  editedAt: null,
  deletedAt: null,
  revision: 0,
};
const publicRoom = { id: 'hall', kind: 'ROOM', visibility: 'PUBLIC', closedAt: null } as const;
const privateRoom = { ...publicRoom, visibility: 'PRIVATE' } as const;

/** A member of the hall who has blocked some users. */
const member = (...blocked: string[]): ReaderFacts => reader('bob', ['hall'], blocked);
const outsider = reader('eve', []);

describe('a channel', () => {
  it('is visible to its members, and to everyone when it is a public room', async () => {
    expect(await canSeeChannel(member(), privateRoom)).toBe(true);
    expect(await canSeeChannel(outsider, privateRoom)).toBe(false);
    expect(await canSeeChannel(outsider, publicRoom)).toBe(true);
    expect(await canSeeChannel(outsider, { ...publicRoom, kind: 'MATCH' })).toBe(false);
  });

  it('can be read by its members only', async () => {
    expect(await canReadChannel(member(), 'hall')).toBe(true);
    expect(await canReadChannel(outsider, 'hall')).toBe(false);
  });
});

describe('an entry', () => {
  it('can be read by members who have not blocked its author', async () => {
    expect(await canReadEntry(member(), entry)).toBe(true);
    expect(await canReadEntry(member('ada'), entry)).toBe(false);
    expect(await canReadEntry(outsider, entry)).toBe(false);
  });

  it('can be read by members who joined before it only, where the history of new members begins when they join', async () => {
    expect(await canReadEntry(reader('bob', ['hall'], [], 2), entry)).toBe(true);
    expect(await canReadEntry(reader('bob', ['hall'], [], 3), entry)).toBe(false);
    expect(await canReadFile(reader('bob', ['hall'], [], 3), { id: 'file', userId: 'bob', entry })).toBe(false);
  });
});

describe('a file', () => {
  const attached = { id: 'file', userId: 'ada', entry };

  it('can be read together with its message', async () => {
    expect(await canReadFile(member(), attached)).toBe(true);
    expect(await canReadFile(member('ada'), attached)).toBe(false);
    expect(await canReadFile(outsider, attached)).toBe(false);
  });

  it('cannot be read once its message is deleted, not even by its uploader', async () => {
    const deleted = { ...attached, entry: { ...entry, attachments: [] } };
    expect(await canReadFile(member(), deleted)).toBe(false);
    expect(await canReadFile(reader('ada', ['hall']), deleted)).toBe(false);
  });

  it('that is not attached can be read by its uploader only', async () => {
    const upload = { ...attached, entry: null };
    expect(await canReadFile(reader('ada', []), upload)).toBe(true);
    expect(await canReadFile(member(), upload)).toBe(false);
    expect(await canReadFile(reader(null, ['hall']), upload)).toBe(false);
  });
});

describe('a live entry', () => {
  const judge = (changes: Partial<Entry>, ...blocked: string[]) =>
    judgeLiveEntry(
      { ...entry, ...changes },
      {
        userId: 'bob',
        head: 1,
        readableFrom: () => 2,
        hasBlocked: (id) => blocked.includes(id),
      },
    );

  it('reaches members unchanged, unless it is hidden from them or they have blocked its author', () => {
    expect(judge({})).toBeNull();
    expect(judge({}, 'ada')).toBe('skip');
    expect(judge({ seq: 1 })).toBe('skip');
  });

  it('is rendered for one reader when it replies to an author whom the reader has blocked', () => {
    expect(judge({ replyToAuthorId: 'eve' })).toBeNull();
    expect(judge({ replyToAuthorId: 'eve' }, 'eve')).toBe('alone');
  });

  it.each(['LEFT', 'REMOVED'] as const)('%s ends the stream of its own user, unless the user has rejoined', (kind) => {
    expect(judge({ kind, authorId: 'bob' })).toEqual(new ForbiddenError('You are no longer a member of this channel.'));
    expect(judge({ kind, authorId: 'bob', position: 1 })).toBeNull();
    expect(judge({ kind })).toBeNull();
  });
});

function reader(
  userId: string | null,
  channelIds: readonly string[],
  blocked: readonly string[] = [],
  startSeq = 0,
): ReaderFacts {
  return {
    userId,
    mayRead: async (channelId) => channelIds.includes(channelId),
    isInvited: async () => false,
    readableFrom: async () => startSeq,
    hasBlocked: async (authorId) => blocked.includes(authorId),
  };
}
