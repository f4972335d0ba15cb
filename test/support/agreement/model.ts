/** The people of the model; the first one owns every room. */
export const names = ['host', 'ada', 'bob', 'cy'] as const;
export type Name = (typeof names)[number];

export interface ModelMessage {
  id: string;
  seq: number;
  author: Name;
  text: string;
  isDeleted: boolean;
  isPinned: boolean;
  replyToId: string | null;
  mentioned: ReadonlySet<Name>;
  /** Names of the people who reacted, by emoji. */
  reactions: Map<string, Set<Name>>;
}

/** State that one member has of a room. */
export interface ModelMember {
  role: 'OWNER' | 'MODERATOR' | 'MEMBER';
  seenSeq: number;
  notify: string;
  pinned: boolean;
  /** Number of messages that the room had when the member archived it. */
  archivedFrom: number | null;
  /** `seq` of the first entry that the member can read without a moderating role. */
  readableFrom: number;
}

export type History = 'ALL' | 'SINCE_JOINED';

export interface ModelRoom {
  id: string;
  /** History that new members can read. */
  history: History;
  messages: ModelMessage[];
  members: Map<Name, ModelMember>;
}

/** A chat as it should be, small enough to be right at sight. */
export interface Model {
  rooms: ModelRoom[];
  /** Names that each person has blocked. */
  blocks: ReadonlyMap<Name, Set<Name>>;
  offline: Set<Name>;
}

export function createModel(rooms: readonly Pick<ModelRoom, 'id' | 'history'>[]): Model {
  return {
    rooms: rooms.map((room) => ({ ...room, messages: [], members: new Map([['host', newMember(1, 'ALL', 'OWNER')]]) })),
    blocks: new Map(names.map((name) => [name, new Set()])),
    offline: new Set(),
  };
}

/** @param joinedSeq `seq` of the entry of the joining */
export function newMember(joinedSeq: number, history: History, role: ModelMember['role'] = 'MEMBER'): ModelMember {
  const readableFrom = history === 'ALL' ? 0 : joinedSeq;
  return { role, seenSeq: joinedSeq, notify: 'ALL', pinned: false, archivedFrom: null, readableFrom };
}

/** Returns whether a message is not from before a member joined, where that hides it. */
export function isReadable({ seq }: ModelMessage, { role, readableFrom }: ModelMember): boolean {
  return role !== 'MEMBER' || seq >= readableFrom;
}

/** Returns the view that a person should have of a room; null without a membership. */
export function viewOf({ blocks }: Model, { messages, members }: ModelRoom, viewer: Name) {
  const member = members.get(viewer);
  if (member === undefined) return null;
  const visible = messages.filter((one) => isReadable(one, member) && !blocks.get(viewer)?.has(one.author));
  return {
    membership: membershipOf(member),
    messages: new Map(visible.map((message) => [message.id, stateOf(message, messages, viewer)])),
  };
}

/** Returns the counts and lists that a person should see of a room; null without a membership. */
export function countsOf({ blocks, offline }: Model, { messages, members }: ModelRoom, viewer: Name) {
  const member = members.get(viewer);
  if (member === undefined) return null;
  const isVisible = (one: ModelMessage) => isReadable(one, member) && !blocks.get(viewer)?.has(one.author);
  const { seenSeq, archivedFrom } = member;
  const unread = messages.filter(
    (one) => isVisible(one) && !one.isDeleted && one.author !== viewer && one.seq > seenSeq,
  );
  return {
    memberCount: members.size,
    unreadCount: unread.length,
    mentionCount: unread.filter(({ mentioned }) => mentioned.has(viewer)).length,
    firstUnseen: unread[0]?.seq ?? null,
    archived: archivedFrom !== null && !messages.slice(archivedFrom).some(isVisible),
    pins: messages.filter((one) => one.isPinned && isVisible(one)).map(({ seq }) => seq),
    online: [...members.keys()].filter((name) => !offline.has(name)).sort(),
  };
}

function membershipOf({ role, seenSeq, notify, pinned }: ModelMember) {
  return { role, seenSeq, notify, pinned };
}

function stateOf(message: ModelMessage, all: readonly ModelMessage[], viewer: Name) {
  const { id, seq, text, isDeleted, isPinned, reactions } = message;
  const kinds = [...reactions].filter(([, who]) => who.size > 0);
  return {
    seq,
    text,
    isDeleted,
    isPinned,
    replyCount: all.filter((one) => one.replyToId === id && !one.isDeleted).length,
    reactions: kinds.map(([emoji, who]) => `${emoji} ${who.size} ${who.has(viewer)}`).sort(),
  };
}
