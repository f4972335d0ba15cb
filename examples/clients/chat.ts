import type { SessionStore } from '../../client/src/urql/session.ts';

/** User, as the examples select one. */
export interface User {
  id: string;
  name: string;
}

/** Message, as the examples select it. */
export interface Message {
  id: string;
  kind: string;
  clientId: string | null;
  seq: number;
  position: number;
  text: string;
  author: User;
  attachments: readonly { id: string; filename: string; url: string }[];
}

/** Result of `guest` and `refresh`. */
export interface SignIn {
  token: string;
  refreshToken: string;
  expiresAt: string;
  user: User;
}

/** Options that every example takes. */
export interface ChatOptions {
  /** URL of the API: `https://…/graphql`. */
  url: string;
  session: SessionStore<User>;
  /** The `WebSocket` constructor, for environments without a global one. */
  webSocketImpl?: unknown;
}

/** A chat on one GraphQL client: each example makes one, and the tests run the same scenario over each. */
export interface Chat {
  guest(name: string): Promise<SignIn>;
  createRoom(name: string): Promise<string>;
  /**
   * Loads the newest page of a channel and follows it, across lost connections.
   * @param onEvent called with each event of the subscription
   */
  open(channelId: string, onEvent: (message: Message) => void): Promise<Room>;
  dispose(): void;
}

/** One open channel. */
export interface Room {
  /** Whether `messages` includes a message as soon as it is being sent. */
  showsPending: boolean;
  /** Messages as a screen shows them, in order. */
  messages(): readonly Message[];
  send(text: string, attachmentIds?: readonly string[]): Promise<void>;
  edit(messageId: string, text: string): Promise<void>;
  /** Uploads a file for this channel and resolves with its id. */
  upload(file: File): Promise<string>;
  close(): void;
}
