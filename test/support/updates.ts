import type { Client } from 'graphql-ws';
import { type Data, type Followed, follow } from './client.ts';

/** Fields of an update that tests compare. */
const updateFields = `
  cursor
  event {
    __typename
    ... on MessageChanged { message { id seq position kind text deletedAt channel { id } author { id name } } }
    ... on ChannelChanged { channel { id name visibility closedAt } }
    ... on MembershipChanged { channelId membership { seenSeq unreadCount role } }
    ... on MatchChanged { match { id status } }
    ... on UserChanged { user { id name } }
    ... on ResyncRequired { channel { id } }
    ... on CaughtUp { at }
  }`;

/** The subscription that tests follow. */
export const updatesQuery = `subscription ($after: String) { updates(after: $after) { ${updateFields} } }`;

/**
 * Follows the messages of a channel by `updates` alone, from a cursor on, as `followMessages` does. After a reconnect updates may
 * repeat: those that were received in the same state are left out.
 */
export function followChannel(client: Client, channelId: string, after: string): Followed {
  const received: Data[] = [];
  const positions = new Map<string, number>();
  let cursor = after;
  const variables = {
    get after() {
      return cursor;
    },
  };
  const onEvent = (update: Data) => {
    cursor = update.cursor;
    const { message } = update.event;
    if (message?.channel.id !== channelId || positions.get(message.id) === message.position) return;
    positions.set(message.id, message.position);
    received.push(message);
  };
  const followed = follow(client, updatesQuery, variables, { retries: true, onEvent });
  return {
    received,
    get ended() {
      return followed.ended;
    },
    stop: () => followed.stop(),
  };
}

/** The events that a client of `updates` has received. */
export interface FollowedUpdates extends Followed {
  /** The newest cursor; that of `after` before the first event. */
  cursor(): string | null;
  /** Names of the types of all events, without signs of life. */
  types(): string[];
  /** Texts of the messages, in the order in which they came. */
  texts(): string[];
  /** Events of one type. */
  events(type: string): Data[];
  /** Whether everything has been received once. */
  hasCaughtUp(): boolean;
}

/** Follows everything that concerns a user, and resumes from the newest cursor. */
export function followUpdates(client: Client, after: string | null = null, query = updatesQuery): FollowedUpdates {
  const followed: { current: Followed | null } = { current: null };
  const cursor = () => followed.current?.received.at(-1)?.cursor ?? after;
  const variables = {
    get after() {
      return cursor();
    },
  };
  followed.current = follow(client, query, variables);
  const { current } = followed;
  const all = () => current.received.map(({ event }) => event);
  return Object.assign(current, {
    cursor,
    types: () =>
      all()
        .map(({ __typename }) => __typename)
        .filter((type) => type !== 'CaughtUp'),
    texts: () => all().flatMap(({ message }) => (message?.kind === 'TEXT' ? [message.text] : [])),
    events: (type: string) => all().filter(({ __typename }) => __typename === type),
    hasCaughtUp: () => all().some(({ __typename }) => __typename === 'CaughtUp'),
  });
}
