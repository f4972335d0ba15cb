import type { Operation } from './client.ts';

interface Session {
  token: string;
  user: { id: string };
}

interface Credentials {
  email: string;
  password: string;
}

/** An entry of a channel that exists already, as far as the seed needs to know it. */
export interface KnownMessage {
  id: string;
  seq: number;
  clientId: string | null;
  editedAt: string | null;
  deletedAt: string | null;
}

interface MessageInput {
  channelId: string;
  clientId: string;
  text: string;
  replyToId: string | null;
  attachmentIds: string[];
}

interface ChannelOfMatch {
  kind: string;
  id: string;
  peer: { id: string } | null;
}

export const register: Operation<{ register: Session }, { input: Credentials & { name: string } }> = {
  query: 'mutation ($input: RegisterInput!) { register(input: $input) { token user { id } } }',
};

export const login: Operation<{ login: Session }, { input: Credentials }> = {
  query: 'mutation ($input: LoginInput!) { login(input: $input) { token user { id } } }',
};

export const setAvatar: Operation<object, { avatarId: string }> = {
  query: 'mutation ($avatarId: ID!) { updateProfile(input: { avatarId: $avatarId }) { id } }',
};

export const createRoom: Operation<
  { createRoom: { id: string } },
  { name: string; visibility: 'PUBLIC' | 'PRIVATE'; clientId: string }
> = {
  query: `mutation ($name: String!, $visibility: Visibility!, $clientId: String!) {
    createRoom(input: { name: $name, visibility: $visibility, clientId: $clientId }) { id }
  }`,
};

export const joinRoom: Operation<object, { channelId: string }> = {
  query: 'mutation ($channelId: ID!) { joinRoom(channelId: $channelId) { id } }',
};

export const invite: Operation<object, { channelId: string; userId: string }> = {
  query: 'mutation ($channelId: ID!, $userId: ID!) { invite(channelId: $channelId, userId: $userId) { id } }',
};

export const openDirect: Operation<{ openDirect: { id: string } }, { userId: string }> = {
  query: 'mutation ($userId: ID!) { openDirect(userId: $userId) { id } }',
};

export const match: Operation<{ match: { channel: { id: string } | null } }, { tag: string }> = {
  query: 'mutation ($tag: String!) { match(input: { tags: [$tag], strict: true }) { channel { id } } }',
};

export const channels: Operation<{ me: { channels: { nodes: ChannelOfMatch[] } } }, object> = {
  query: '{ me { channels(first: 100) { nodes { kind id peer { id } } } } }',
};

export const history: Operation<{ channel: { messages: { nodes: KnownMessage[] } } }, { channelId: string }> = {
  query: `query ($channelId: ID!) {
    channel(id: $channelId) { messages(first: 100) { nodes { id seq clientId editedAt deletedAt } } }
  }`,
};

export const upload: Operation<{ upload: { id: string } }, { channelId: string | null }> = {
  query: `mutation ($file: Upload!, $channelId: ID) { upload(file: $file, channelId: $channelId) { id } }`,
};

export const send: Operation<{ send: { message: { id: string; seq: number } } }, { input: MessageInput }> = {
  query: 'mutation ($input: SendInput!) { send(input: $input) { message { id seq } } }',
};

export const editMessage: Operation<object, { messageId: string; text: string }> = {
  query: 'mutation ($messageId: ID!, $text: String!) { editMessage(messageId: $messageId, text: $text) { id } }',
};

export const deleteMessage: Operation<object, { messageId: string }> = {
  query: 'mutation ($messageId: ID!) { deleteMessage(messageId: $messageId) { id } }',
};

export const markSeen: Operation<object, { channelId: string; seq: number }> = {
  query: 'mutation ($channelId: ID!, $seq: Int!) { markSeen(channelId: $channelId, seq: $seq) { id } }',
};
