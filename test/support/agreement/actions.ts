import fc from 'fast-check';
import { expect } from 'vitest';
import type { Data, Person } from '../client.ts';
import {
  type History,
  isReadable,
  type Model,
  type ModelMessage,
  type ModelRoom,
  type Name,
  names,
  newMember,
} from './model.ts';

/** Something that a person does in a room. Messages are counted from the newest, and an act may be one that is refused. */
export type Act =
  | { type: 'send'; mention: Name | null; mentionsAll: boolean; replyTo: number | null }
  | { type: 'edit' | 'delete' | 'pin' | 'unpin' | 'see' | 'unsee'; nth: number }
  | { type: 'react' | 'unreact'; nth: number; emoji: string }
  | { type: 'come or go' }
  | { type: 'kick'; whom: Name }
  | { type: 'promote'; whom: Name; role: 'MODERATOR' | 'MEMBER' }
  | { type: 'set'; history: History }
  | { type: 'prefer'; input: { notify?: string; pinned?: boolean; archived?: boolean } };

export interface Action {
  who: Name;
  room: 0 | 1;
  act: Act;
}

const name = fc.constantFrom(...names);
const nth = fc.nat({ max: 12 });
const emoji = fc.constantFrom('👍', '🎉', '❤️');
const constant = <const Type extends string>(...types: Type[]) => fc.constantFrom(...types);

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      type: constant('send'),
      mention: fc.option(name),
      mentionsAll: fc.boolean(),
      replyTo: fc.option(nth),
    }),
  },
  { weight: 8, arbitrary: fc.record({ type: constant('edit', 'delete', 'pin', 'unpin', 'see', 'unsee'), nth }) },
  { weight: 8, arbitrary: fc.record({ type: constant('react', 'react', 'unreact'), nth, emoji }) },
  { weight: 3, arbitrary: fc.record({ type: constant('come or go') }) },
  { weight: 1, arbitrary: fc.record({ type: constant('kick'), whom: name }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: constant('promote'), whom: name, role: constant('MODERATOR', 'MEMBER') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: constant('set'), history: constant('ALL', 'SINCE_JOINED', 'SINCE_JOINED') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: constant('prefer'),
      input: fc
        .record(
          { notify: constant('ALL', 'MENTIONS', 'NOTHING'), pinned: fc.boolean(), archived: fc.boolean() },
          { requiredKeys: [] },
        )
        .filter((input) => Object.keys(input).length > 0),
    }),
  },
);

export const action: fc.Arbitrary<Action> = fc.record({ who: name, room: fc.constantFrom<0 | 1>(0, 1), act });

const operations = {
  send: 'mutation ($id: ID!, $text: String!, $mentionIds: [ID!], $mentionsAll: Boolean, $replyToId: ID) { send(input: { channelId: $id, text: $text, mentionIds: $mentionIds, mentionsAll: $mentionsAll, replyToId: $replyToId }) { message { id seq } } }',
  edit: 'mutation ($messageId: ID!, $text: String) { editMessage(messageId: $messageId, text: $text) { id } }',
  delete: 'mutation ($messageId: ID!) { deleteMessage(messageId: $messageId) { id } }',
  pin: 'mutation ($messageId: ID!) { pinMessage(messageId: $messageId) { id } }',
  unpin: 'mutation ($messageId: ID!) { unpinMessage(messageId: $messageId) { id } }',
  react: 'mutation ($messageId: ID!, $emoji: String!) { addReaction(messageId: $messageId, emoji: $emoji) { id } }',
  unreact:
    'mutation ($messageId: ID!, $emoji: String!) { removeReaction(messageId: $messageId, emoji: $emoji) { id } }',
  see: 'mutation ($id: ID!, $seq: Int!) { markSeen(channelId: $id, seq: $seq) { id } }',
  unsee: 'mutation ($id: ID!, $seq: Int!) { markUnread(channelId: $id, seq: $seq) { id } }',
  come: 'mutation ($id: ID!) { joinRoom(channelId: $id) { viewerMembership { seenSeq } } }',
  go: 'mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }',
  kick: 'mutation ($id: ID!, $userId: ID!) { kick(channelId: $id, userId: $userId) { id } }',
  promote:
    'mutation ($id: ID!, $userId: ID!, $role: MemberRole!) { setRole(channelId: $id, userId: $userId, role: $role) { id } }',
  set: 'mutation ($id: ID!, $history: HistoryAccess) { updateRoom(channelId: $id, settings: { history: $history }) { id } }',
  prefer:
    'mutation ($id: ID!, $input: MembershipInput!) { updateMembership(channelId: $id, input: $input) { notify } }',
} as const;

/** Carries out an action and changes the model alike, or expects the refusal of one that the model does not allow. */
export function createActor(model: Model, people: ReadonlyMap<Name, Person>) {
  let sent = 0;
  const idOf = (name: Name) => people.get(name)?.id ?? '';

  return async ({ who, room: n, act }: Action, ask: (query: string, variables: object) => Promise<Data>) => {
    const room = model.rooms[n] as ModelRoom;
    const run = (operation: keyof typeof operations, variables: object = {}) =>
      ask(operations[operation], { id: room.id, ...variables });
    if (act.type === 'send') await send(room, who, act, run);
    else if ('nth' in act) await change(room, who, act, run);
    else await changeMember(room, who, act, run);
  };

  async function send(room: ModelRoom, who: Name, act: Extract<Act, { type: 'send' }>, run: Run): Promise<void> {
    const { mention } = act;
    const member = room.members.get(who);
    const role = member?.role;
    const mentionsAll = act.mentionsAll && role !== 'MEMBER';
    const isNamed = mention !== null && room.members.has(mention) && !hasBlocked(who, mention);
    const parent = act.replyTo === null ? undefined : room.messages.at(-1 - act.replyTo);
    const isQuotable = parent && !parent.isDeleted && !hasBlocked(who, parent.author);
    const replyToId = isQuotable ? parent.id : null;
    const isHidden = isQuotable && member !== undefined && !isReadable(parent, member);
    const variables = { text: `message ${++sent}`, mentionsAll, mentionIds: isNamed ? [idOf(mention)] : [], replyToId };
    const data = await attempt(role !== undefined && !isHidden, () => run('send', variables));
    if (data === null) return;
    const mentioned = new Set<Name>(mentionsAll ? names : []);
    if (isNamed && !hasBlocked(mention, who)) mentioned.add(mention);
    const state = { isDeleted: false, isPinned: false, replyToId, reactions: new Map() };
    room.messages.push({ ...data.send.message, ...state, author: who, text: variables.text, mentioned });
  }

  async function change(room: ModelRoom, who: Name, act: Extract<Act, { nth: number }>, run: Run): Promise<void> {
    const message = room.messages.at(-1 - act.nth);
    if (message === undefined) return;
    const member = room.members.get(who);
    if (act.type === 'see' || act.type === 'unsee') {
      const isThere = member !== undefined && isReadable(message, member);
      await attempt(isThere, () => run(act.type, { seq: message.seq }));
      if (isThere)
        member.seenSeq =
          act.type === 'see' ? Math.max(member.seenSeq, message.seq) : Math.min(member.seenSeq, message.seq - 1);
      return;
    }
    if (act.type === 'delete' && member?.role === 'MODERATOR' && message.author !== who) return;
    const variables = { messageId: message.id, text: `edit ${++sent}`, emoji: 'emoji' in act ? act.emoji : undefined };
    if ((await attempt(allows(room, who, message, act.type), () => run(act.type, variables))) === null) return;
    apply(message, who, act, variables.text);
  }

  function allows(room: ModelRoom, who: Name, message: ModelMessage, type: Act['type']): boolean {
    const member = room.members.get(who);
    const isHidden = member === undefined || hasBlocked(who, message.author) || !isReadable(message, member);
    const isAuthor = !isHidden && message.author === who;
    if (type === 'edit') return isAuthor && !message.isDeleted;
    if (type === 'delete') return isAuthor || (member?.role === 'OWNER' && !isHidden);
    if (type === 'pin') return !isHidden && member.role !== 'MEMBER' && !message.isDeleted;
    if (type === 'unpin') return !isHidden && member.role !== 'MEMBER';
    if (type === 'react') return !isHidden && !message.isDeleted;
    return !isHidden;
  }

  function apply(message: ModelMessage, who: Name, act: Extract<Act, { nth: number }>, text: string): void {
    if (act.type === 'edit') message.text = text;
    if (act.type === 'delete')
      Object.assign(message, { isDeleted: true, isPinned: false, text: '', reactions: new Map() });
    if (act.type === 'pin' || act.type === 'unpin') message.isPinned = act.type === 'pin';
    if (act.type === 'react')
      message.reactions.set(act.emoji, (message.reactions.get(act.emoji) ?? new Set()).add(who));
    if (act.type === 'unreact') message.reactions.get(act.emoji)?.delete(who);
  }

  type MemberAct = Exclude<Act, { type: 'send' } | { nth: number }>;

  async function changeMember(room: ModelRoom, who: Name, act: MemberAct, run: Run): Promise<void> {
    const member = room.members.get(who);
    if (act.type === 'come or go') return comeOrGo(room, who, run);
    if (act.type === 'set') {
      const isSet = (await attempt(who === 'host', () => run('set', { history: act.history }))) !== null;
      if (isSet) room.history = act.history;
      return;
    }
    if (act.type === 'prefer') {
      await attempt(member !== undefined, () => run('prefer', { input: act.input }));
      const { archived, ...own } = act.input;
      if (member) Object.assign(member, own);
      if (member && archived !== undefined) member.archivedFrom = archived ? room.messages.length : null;
      return;
    }
    const other = room.members.get(act.whom);
    const mayAct = who === 'host' && act.whom !== 'host' && other !== undefined;
    const isKick = act.type === 'kick';
    if (!mayAct && who === 'host') return;
    const variables = { userId: idOf(act.whom), role: isKick ? undefined : act.role };
    if (!mayAct && member?.role === 'MODERATOR' && isKick) return;
    if ((await attempt(mayAct, () => run(act.type, variables))) === null) return;
    if (isKick) room.members.delete(act.whom);
    else if (other) other.role = act.role;
  }

  /** The owner stays, as the room would pass to another member. */
  async function comeOrGo(room: ModelRoom, who: Name, run: Run): Promise<void> {
    if (who === 'host') return;
    if (room.members.has(who)) {
      await run('go');
      room.members.delete(who);
      return;
    }
    const { seenSeq } = (await run('come')).joinRoom.viewerMembership;
    expect(seenSeq).toBeGreaterThan(room.messages.at(-1)?.seq ?? 0);
    room.members.set(who, newMember(seenSeq, room.history));
  }

  function hasBlocked(who: Name, whom: Name): boolean {
    return model.blocks.get(who)?.has(whom) ?? false;
  }
}

type Run = (operation: keyof typeof operations, variables?: object) => Promise<Data>;

/** Returns the data of an operation that must succeed, or null for one that must be refused. */
async function attempt(isAllowed: boolean, run: () => Promise<Data>): Promise<Data | null> {
  if (isAllowed) return run();
  await expect(run()).rejects.toThrow();
  return null;
}
