/** Numbers of rooms, connections and subscriptions of a measurement. */
export interface Profile {
  name: string;
  title: string;
  connections: number;
  rooms: number;
  /** Returns the rooms that a connection follows. */
  roomsOf(connection: number): readonly number[];
  followers: number;
  /** Maximum number of messages in flight at full speed. */
  window: number;
  /** Messages per second at the fixed rate. */
  rate: number;
}

/** Creates a profile of one room with this many subscribers. */
export function oneRoom(connections: number, window: number, rate: number): Profile {
  const title = `one room of ${connections.toLocaleString('en')}`;
  return { name: 'room', title, connections, rooms: 1, roomsOf: () => [0], followers: connections, window, rate };
}

const manyRooms: Profile = {
  name: 'rooms',
  title: '1,000 rooms of 10',
  connections: 1_000,
  rooms: 1_000,
  roomsOf: (connection) => Array.from({ length: 10 }, (_, n) => (connection + n) % 1_000),
  followers: 10,
  window: 400,
  rate: 400,
};

const pairs: Profile = {
  name: 'pairs',
  title: '500 pairs',
  connections: 1_000,
  rooms: 500,
  roomsOf: (connection) => [connection >> 1],
  followers: 2,
  window: 400,
  rate: 400,
};

export const profiles: readonly Profile[] = [oneRoom(1_000, 64, 20), manyRooms, pairs];
