import type { ChannelStore } from './channels.ts';
import type { ConversationStore } from './conversation.ts';
import type { ChangedUser, Channel, Match, Message, UpdateEvent } from './types.ts';

/** The parts of the local state that updates change. */
export interface State {
  channels: Pick<ChannelStore, 'put' | 'putMembership' | 'putMessage' | 'putUser' | 'remove'>;
  /** Returns the conversation of a channel if it was ever opened. */
  conversation(channelId: string): Pick<ConversationStore, 'merge' | 'resync'> | undefined;
  /** Forgets the conversation of a channel that the viewer left. */
  forget(channelId: string): void;
  putUser(user: ChangedUser): void;
  putMatch(match: Match | null): void;
  /** Called when the state is complete. */
  caughtUp(): void;
  /** Loads the channel again: it is not known, or its counts are not known any longer. */
  reload(channelId: string): void;
}

/** Applies an event of the subscription `updates` to the state. Events of types that are added later are ignored. */
export function applyUpdate(state: State, event: UpdateEvent): void {
  switch (event.__typename) {
    case 'MessageChanged':
      applyMessage(state, event.message);
      break;
    case 'ChannelChanged':
      state.channels.put(event.channel);
      break;
    case 'MembershipChanged':
      applyMembership(state, event);
      break;
    case 'MatchChanged':
      state.putMatch(event.match);
      break;
    case 'UserChanged':
      state.putUser(event.user);
      break;
    case 'ResyncRequired':
      resync(state, event.channel);
      break;
    case 'CaughtUp':
      state.caughtUp();
  }
}

/** Adds a message that was sent or changed, to its conversation and to the list of channels. */
export function applyMessage(state: Pick<State, 'channels' | 'conversation' | 'reload'>, message: Message): void {
  const { id } = message.channel;
  state.conversation(id)?.merge(message);
  if (!state.channels.putMessage(message)) state.reload(id);
}

type MembershipChanged = Extract<UpdateEvent, { __typename: 'MembershipChanged' }>;

function applyMembership(state: State, { channelId, membership }: MembershipChanged): void {
  if (membership === null) {
    state.channels.remove(channelId);
    state.forget(channelId);
  } else if (!state.channels.putMembership(channelId, membership)) state.reload(channelId);
}

function resync(state: State, channel: Channel): void {
  state.channels.put(channel);
  state.conversation(channel.id)?.resync();
}
