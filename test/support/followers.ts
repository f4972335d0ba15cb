import { expect, vi } from 'vitest';
import { ask, type Data, followMessages, type Person, socket } from './client.ts';
import { followChannel } from './updates.ts';

/** The subscription by which a client follows a room: that of its messages, or `updates` alone. */
export type Following = 'messages' | 'updates';

/** Client that follows a room from the user's joining on. */
export interface Follower {
  /** Each message in each state that the client has received, in order. */
  readonly received: readonly Data[];
  /** Breaks the connection, as a network failure does. */
  drop(): void;
  /**
   * Waits until the client has everything, and compares that with the present state: nothing is lost, nothing is received twice,
   * positions rise.
   * @param history all entries of the room
   */
  verify(history: readonly Data[]): Promise<void>;
  end(): void;
}

/** The room that a user follows. */
interface Followed {
  person: Person;
  channelId: string;
  /** Cursor of `updates` before the user joined. */
  cursor: string;
}

/** Starts a client that follows a room. @param anyUrl returns the URL of a gateway for each connection */
export function startFollower(following: Following, anyUrl: () => string, followed: Followed): Follower {
  const client = socket(anyUrl, followed.person.token);
  const end = () => void client.dispose();
  return following === 'messages'
    ? { ...followByMessages(client, followed), drop: client.drop, end }
    : { ...followByUpdates(client, followed, anyUrl), drop: client.drop, end };
}

/** Returns the present cursor of `updates`. */
export async function readCursor(url: string, token: string): Promise<string> {
  return (await ask(url, '{ updates { cursor } }', {}, token)).data.updates.cursor;
}

type FollowingClient = ReturnType<typeof socket>;

function followByMessages(client: FollowingClient, { channelId }: Followed): Pick<Follower, 'received' | 'verify'> {
  const followed = followMessages(client, channelId, 0, { retries: true });
  return {
    received: followed.received,
    async verify(history) {
      await untilNewest(followed.received, history);
      const changes = byPosition(history);
      expect(followed.ended).toBeNull();
      expect(followed.received.map(({ id }) => id)).toEqual(changes.map(({ id }) => id));
      const positions = followed.received.map(({ position }) => position);
      expect(positions.filter((position, n) => n > 0 && position <= positions[n - 1])).toEqual([]);
    },
  };
}

/** The state is compared once it has come live, and again after a resume. */
function followByUpdates(
  client: FollowingClient,
  { person, channelId, cursor }: Followed,
  anyUrl: () => string,
): Pick<Follower, 'received' | 'verify'> {
  const followed = followChannel(client, channelId, cursor);
  return {
    received: followed.received,
    async verify(history) {
      await untilNewest(followed.received, history);
      const before = followed.catchUps();
      client.drop();
      await vi.waitFor(() => expect(followed.catchUps()).toBeGreaterThan(before));
      expect(followed.ended).toBeNull();
      expect(followed.faults).toEqual([]);
      const joined = history.findIndex(({ kind, author }) => kind === 'JOINED' && author.id === person.id);
      expect(byPosition([...followed.messages.values()]).map(stateOf)).toEqual(
        byPosition(history.slice(Math.max(0, joined))).map(stateOf),
      );
      const { data } = await ask(anyUrl(), ownQuery, { id: channelId }, person.token);
      const { viewerMembership, ...channel } = data.channel;
      expect(followed.channel()).toEqual(channel);
      // Its unread count changes with each message, of which no update of the membership tells.
      expect(followed.membership()).toMatchObject(viewerMembership);
    },
  };
}

/** The fields of `followChannel`, freshly read. */
const ownQuery = `query ($id: ID!) { channel(id: $id) {
  id name visibility closedAt viewerMembership { seenSeq role } } }`;

function untilNewest(received: readonly Data[], history: readonly Data[]): Promise<void> {
  const newest = Math.max(...history.map(({ position }) => position));
  return vi.waitFor(() => expect(received.at(-1)?.position).toBe(newest));
}

function byPosition(entries: readonly Data[]): Data[] {
  return entries.toSorted((one, other) => one.position - other.position);
}

function stateOf({ id, seq, position, text, deletedAt }: Data): Data {
  return { id, seq, position, text, deletedAt };
}
