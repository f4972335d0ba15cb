import fc from 'fast-check';
import type { Channel, Membership, Message } from '../../client/src/urql/store/types.ts';

/** A change of a channel's history: a new message, or a new state of an earlier one. */
export type Change = { author: 'viewer' | 'other' } | { target: number; change: 'edit' | 'delete' };

/** Random changes, of which the first one sends a message. */
export const changes: fc.Arbitrary<Change[]> = fc
  .array(
    fc.oneof(
      { weight: 2, arbitrary: fc.record({ author: fc.constantFrom('viewer' as const, 'other' as const) }) },
      fc.record({ target: fc.nat(), change: fc.constantFrom('edit' as const, 'delete' as const) }),
    ),
    { minLength: 1, maxLength: 40 },
  )
  .map((list) => [{ author: 'other' as const }, ...list]);

/** Returns the state that each change makes; its position is its place in the list, from 1. */
export function statesOf(list: readonly Change[]): Message[] {
  const newest: Message[] = [];
  return list.map((change, index) => {
    const message =
      'author' in change
        ? newMessage(newest.length + 1, change.author)
        : changed(newest[change.target % newest.length] as Message, change.change, index);
    const state = { ...message, position: index + 1 };
    newest[state.seq - 1] = state;
    return state;
  });
}

/** Returns the messages in their order, each in its newest state up to a position. */
export function historyAt(states: readonly Message[], position: number): Message[] {
  const newest = new Map<number, Message>();
  for (const state of states) if (state.position <= position) newest.set(state.seq, state);
  return [...newest.values()].sort((a, b) => a.seq - b.seq);
}

/** Returns the channel as the server has it at a position, for a viewer who has seen everything up to `seenSeq`. */
export function channelAt(states: readonly Message[], position: number, seenSeq: number): Channel {
  const history = historyAt(states, position);
  const lastMessage = history.at(-1) ?? null;
  const unread = history.filter(({ seq, deletedAt, author }) => seq > seenSeq && !deletedAt && author.id === 'other');
  const membership: Partial<Membership> = {
    state: 'ACTIVE',
    seenSeq,
    unreadCount: unread.length,
    mentionCount: 0,
    archived: false,
    channel: { id: 'c', lastMessage },
  };
  return { id: 'c', name: 'Fruit', lastMessage, createdAt: sentAt, viewerMembership: membership } as Channel;
}

const sentAt = '2026-01-01T00:00:00Z';

function newMessage(seq: number, author: string): Message {
  const fields: Partial<Message> = {
    id: `m${seq}`,
    cursor: String(seq),
    kind: 'TEXT',
    channel: { id: 'c' },
    seq,
    text: `message ${seq}`,
    sentAt,
    deletedAt: null,
    author: { id: author, name: author, avatarUrl: '' },
    mentions: [],
    mentionsAll: false,
  };
  return fields as Message;
}

function changed(message: Message, change: 'edit' | 'delete', index: number): Message {
  return change === 'delete' ? { ...message, text: '', deletedAt: sentAt } : { ...message, text: `edited at ${index}` };
}
