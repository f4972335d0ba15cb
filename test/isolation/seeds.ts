import { readId } from '../../schema/ids.ts';
import { guest, type Person } from '../support/client.ts';
import { type Pairs, signInPairs } from './pairs.ts';

/** Users and channels of the pairs and of the parties. */
export interface Seeds {
  connectPairs(url: string): Promise<Pairs>;
  /** Room in which one guest follows every message often. */
  hall: { channelId: string; follower: string; speaker: string };
  /** Room whose members follow their lists of channels. */
  club: { channelId: string; followers: string[]; speaker: string };
  /** Room with unread messages of the reader. */
  archive: { channelId: string; reader: string };
}

const pairCount = 20;
const clubMembers = 250;
const unreadEntries = 200_000;

/**
 * Signs users in at a server whose rate limits are off, and opens their channels.
 * @returns the users, and the SQL that gives the reader of the archive their unread messages
 */
export async function seed(url: string): Promise<{ seeds: Seeds; sql: string }> {
  const connectPairs = await signInPairs(url, pairCount);
  const [hall, club, archive] = [await openRoom(url, 2), await openRoom(url, clubMembers), await openRoom(url, 2)];
  const reader = archive.members[1] as Person;
  return {
    seeds: {
      connectPairs,
      hall: { channelId: hall.id, follower: tokenOf(hall.members[1]), speaker: tokenOf(hall.members[0]) },
      club: { channelId: club.id, followers: club.members.map(tokenOf), speaker: tokenOf(club.members[0]) },
      archive: { channelId: archive.id, reader: reader.token },
    },
    sql: toSql(archive.id, archive.members[0] as Person),
  };
}

const tokenOf = (person?: Person) => person?.token ?? '';

async function openRoom(url: string, count: number): Promise<{ id: string; members: Person[] }> {
  const members: Person[] = [];
  while (members.length < count)
    members.push(...(await Promise.all(Array.from({ length: Math.min(count, 10) }, () => guest(url, 'Member')))));
  const [owner, ...others] = members as [Person, ...Person[]];
  const { id } = (await owner.ask('mutation { createRoom(input: { name: "Room" }) { id } }')).createRoom;
  const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
  for (let n = 0; n < others.length; n += 10)
    await Promise.all(others.slice(n, n + 10).map((one) => one.ask(join, { id })));
  return { id, members };
}

/** Returns the statement that adds entries of an author to a channel, as the bridge would have written them. */
function toSql(channelId: string, author: Person): string {
  const [channel, user] = [readId('Channel', channelId), readId('User', author.id)];
  return `WITH before AS (SELECT seq, position FROM channel WHERE id = '${channel}'),
    added AS (
      INSERT INTO entry (id, channel_id, author_id, kind, client_id, seq, position, text, sent_at)
      SELECT gen_random_uuid(), '${channel}', '${user}', 'TEXT', n::text, seq + n, position + n, 'Message ' || n, now()
      FROM before, generate_series(1, ${unreadEntries}) n)
    UPDATE channel SET seq = seq + ${unreadEntries}, position = position + ${unreadEntries}, version = version + 1
    WHERE id = '${channel}'`;
}
