import type { Message, SignIn } from './chat.ts';

const session = 'token refreshToken expiresAt user { id name }';
const message = 'id kind clientId seq position text author { id name } attachments { id filename url }';

/** A page of `Channel.messages`. */
export interface Page {
  channel: { __typename: 'Channel'; id: string; messages: { position: number; nodes: Message[] } };
}
export const pageQuery = `query Page($channelId: ID!) {
  channel(id: $channelId) { __typename id messages(last: 50) { position nodes { ${message} } } }
}`;

export const messagesSubscription = `subscription Messages($channelId: ID!, $after: Int!) {
  messages(channelId: $channelId, after: $after) { ${message} }
}`;

/** Result of `changesQuery`. */
export interface Changes {
  channel: { changes: { messages: Message[]; position: number; hasMore: boolean } | null } | null;
}
export const changesQuery = `query Changes($channelId: ID!, $after: Int!) {
  channel(id: $channelId) { changes(after: $after) { position hasMore messages { ${message} } } }
}`;

/** Result of `guestMutation`. */
export interface Guest {
  guest: SignIn;
}
export const guestMutation = `mutation Guest($name: String!) { guest(input: { name: $name }) { ${session} } }`;

/** Result of `createRoomMutation`. */
export interface CreateRoom {
  createRoom: { id: string };
}
export const createRoomMutation = 'mutation CreateRoom($name: String!) { createRoom(input: { name: $name }) { id } }';

/** Input of `sendMutation`. */
export interface SendInput {
  channelId: string;
  clientId: string;
  text: string;
  attachmentIds: readonly string[];
}
/** Result of `sendMutation`. */
export interface Send {
  send: { message: Message };
}
export const sendMutation = `mutation Send($input: SendInput!) { send(input: $input) { message { ${message} } } }`;

/** Result of `editMutation`. */
export interface Edit {
  editMessage: Message;
}
export const editMutation = `mutation Edit($messageId: ID!, $text: String!) {
  editMessage(messageId: $messageId, text: $text) { ${message} }
}`;

/** Result of `uploadMutation`. */
export interface Upload {
  upload: { id: string };
}
export const uploadMutation = `mutation Upload($file: Upload!, $channelId: ID) {
  upload(file: $file, channelId: $channelId) { id }
}`;
