/** A user of the seed, with the tokens of a session. */
export interface SeededUser {
  id: string;
  name: string;
  email: string;
  password: string;
  token: string;
  refreshToken: string;
}

/** A message of the seed. */
export interface SeededMessage {
  id: string;
  seq: number;
  position: number;
  /** Key of its author. */
  by: string;
  text: string;
  /** Ids of its files. */
  attachmentIds: string[];
}

/** A channel of the seed. */
export interface SeededChannel {
  id: string;
  kind: 'ROOM' | 'DIRECT';
  /** Keys of its members. */
  members: string[];
  messages: SeededMessage[];
}

/** The data that a server was seeded with, by the keys of the seed. */
export interface SeedReport {
  users: Record<string, SeededUser>;
  channels: Record<string, SeededChannel>;
}

/** State of an ephemeral server. */
export interface ServerState {
  /** Whether it accepts connections: false during a restart. */
  isServing: boolean;
  /** Milliseconds by which it is delayed: WebSockets and streams over HTTP, and other responses. */
  delayMs: { streams: number; responses: number };
  /** Open WebSockets and streams over HTTP. */
  connections: {
    transport: 'websocket' | 'stream';
    /** Id of its user, as in the API; null for a connection without one. */
    userId: string | null;
    /** Key of its user; null if the user is not of the seed. */
    user: string | null;
  }[];
  /** Faults that operations have. */
  faults: { operation: string | null; code: string | null; delayMs: number; times: number | null }[];
}
