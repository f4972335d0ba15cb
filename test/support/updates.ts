import type { Client } from 'graphql-ws';
import { type Data, type Followed, type FollowOptions, follow } from './client.ts';

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

/** A channel as a client of `updates` shows it. */
export interface FollowedChannel extends Followed {
  /** Messages by id, each in its newest state. */
  readonly messages: ReadonlyMap<string, Data>;
  /** The channel's own properties, and the viewer's membership; null before they were told. */
  channel(): Data;
  membership(): Data;
  /** The newest cursor; that of `after` before the first update. */
  cursor(): string;
  /** Number of times that everything was delivered. */
  catchUps(): number;
  /** Descriptions of updates that break the rules of the subscription: empty if all is well. */
  readonly faults: readonly string[];
}

/**
 * Follows a channel by `updates` alone, from a cursor on. `received` has each message in each state once, since updates may be
 * repeated after a reconnect.
 * @param channelId id of the only channel of the user
 */
export function followChannel(
  client: Client,
  channelId: string,
  after: string,
  options: FollowOptions = {},
): FollowedChannel {
  const received: Data[] = [];
  const messages = new Map<string, Data>();
  const faults: string[] = [];
  let [cursor, catchUps, last] = [after, 0, 0];
  let channel: Data = null;
  let membership: Data = null;
  const variables = {
    get after() {
      // Each connection begins with it.
      last = 0;
      return cursor;
    },
  };
  const handlers = {
    MessageChanged: ({ message }: Data) => applyMessage(message),
    ChannelChanged: (event: Data) => {
      channel = event.channel;
    },
    MembershipChanged: (event: Data) => {
      membership = event.membership;
    },
    CaughtUp: () => {
      catchUps++;
    },
    ResyncRequired: () => {
      faults.push('the channel must be loaded again');
    },
  };
  const onEvent = (update: Data) => {
    cursor = update.cursor;
    apply(update.event);
    options.onEvent?.(update);
  };
  const followed = follow(client, updatesQuery, variables, { retries: true, ...options, onEvent });
  return {
    received,
    messages,
    faults,
    channel: () => channel,
    membership: () => membership,
    cursor: () => cursor,
    catchUps: () => catchUps,
    get ended() {
      return followed.ended;
    },
    stop: () => followed.stop(),
  };

  function apply(event: Data): void {
    const about = event.message?.channel.id ?? event.channel?.id ?? event.channelId ?? channelId;
    if (about !== channelId) faults.push(`an update is about channel ${about}`);
    handlers[event.__typename as keyof typeof handlers]?.(event);
  }

  function applyMessage(message: Data): void {
    const { id, position } = message;
    if (position <= last) faults.push(`position ${position} comes after ${last}`);
    last = position;
    const known = messages.get(id);
    if (known && position < known.position) faults.push(`${id} at ${position} comes after ${known.position}`);
    else if (known?.position === position) expectSame(known, message);
    else {
      messages.set(id, message);
      received.push(message);
    }
  }

  function expectSame(known: Data, message: Data): void {
    const [one, other] = [JSON.stringify(known), JSON.stringify(message)];
    if (one !== other) faults.push(`${one} is repeated as ${other}`);
  }
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
