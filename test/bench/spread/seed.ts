import pg from 'pg';
import { askAll, type Parley } from '../parley.ts';

/** Users who are each a member of as many rooms. */
export interface Population {
  users: number;
  roomsOfUser: number;
  membersOfRoom: number;
}

/** Room and its members. */
export interface Room {
  id: string;
  /** Numbers of its members, from 0 on. */
  members: number[];
}

/**
 * Signs guests in and makes them members of rooms with one another: each room has other people. Rooms are inserted into the
 * database, since opening 20,000 of them and joining 200,000 times would take longer than the measurement.
 * @returns the token of each user, and the rooms
 */
export async function seed(
  { backstage }: Parley,
  databaseUrl: string,
  population: Population,
): Promise<{ tokens: string[]; rooms: Room[] }> {
  const query = 'mutation ($name: String!) { guest(input: { name: $name }) { token user { id } } }';
  const asked = Array.from({ length: population.users }, (_, n) => ({ query, variables: { name: `Guest ${n}` } }));
  const sessions = await askAll<{ guest: { token: string } }>(backstage, asked);
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { users, roomsOfUser, membersOfRoom } = population;
    const { rows } = await client.query<Room>(insertRooms, [users, roomsOfUser, membersOfRoom]);
    await client.query('ANALYZE');
    return { tokens: sessions.map(({ guest }) => guest.token), rooms: rows };
  } finally {
    await client.end();
  }
}

/** In the n-th of a user's rooms are the users beside the user, but each time others. */
const insertRooms = `
  WITH numbered AS (
    SELECT id, substring(name FROM '\\d+')::int AS n FROM users WHERE name ~ '^Guest \\d+$'
  ), places AS (
    SELECT overlay(overlay(md5(k || ' ' || (n + k * 3) % $1::int / $3::int) PLACING '4' FROM 13) PLACING '8' FROM 17)::uuid
      AS room, id, n
    FROM numbered, generate_series(0, $2::int - 1) AS k
  ), rooms AS (
    SELECT room, count(*)::int AS size, array_agg(n) AS members FROM places GROUP BY room
  ), channels AS (
    INSERT INTO channel (id, kind, visibility, name, created_at, version, member_count, last_activity_at)
    SELECT room, 'ROOM', 'PUBLIC', 'Room', now(), 1, size, now() FROM rooms
  ), members AS (
    INSERT INTO member (channel_id, user_id, role, state, joined_at, joined_seq)
    SELECT room, id, 'MEMBER', 'ACTIVE', now(), 0 FROM places
  )
  SELECT room AS id, members FROM rooms`;
