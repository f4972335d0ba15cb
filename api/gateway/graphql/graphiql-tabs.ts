import { carried } from './graphiql-carry.ts';

interface Tab {
  query: string;
  variables: string | null;
  /** Text of the editor of headers; null: the token of the first tab. */
  headers: string | null;
}

const { token: _, ...ids } = carried;

/** Returns a tab whose operations need the token of the first tab. */
function tab(query: string, variables?: Record<string, unknown>): Tab {
  return { query: query.trim(), variables: variables ? JSON.stringify(variables, null, 2) : null, headers: null };
}

/** Returns a tab whose operations need no token. */
function publicTab(query: string, variables?: Record<string, unknown>): Tab {
  return { ...tab(query, variables), headers: '' };
}

/** Returns the text that stands for a value until an operation returns it. */
function later(name: keyof typeof ids): unknown {
  return ids[name].placeholder;
}

/** Tabs of GraphiQL, in the order of a first visit: each needs only the values that those before it return. */
export const tabs: readonly Tab[] = [
  publicTab(`
# 1. Press play to sign in as a guest. The token
# of the result goes into the headers of all other
# tabs.
mutation Guest {
  guest(input: { name: "Ada" }) {
    token
    refreshToken
    expiresAt
    user { id name }
  }
}`),
  tab(`
# 2. Open a room. Its id becomes the channelId of
# the following tabs.
mutation CreateRoom {
  createRoom(input: { name: "Tea" }) {
    id
    name
    viewerMembership { role }
  }
}

query Rooms {
  rooms(first: 10) {
    nodes { id name memberCount }
    pageInfo { hasNextPage endCursor }
  }
}`),
  tab(
    `
# 3. Send a message. With the same clientId it is
# sent once, however often you press play.
mutation Send($channelId: ID!, $text: String!, $clientId: String) {
  send(input: { channelId: $channelId, text: $text, clientId: $clientId }) {
    message { id seq position text sentAt }
  }
}`,
    { channelId: later('channelId'), text: 'Hello', clientId: 'made-up-by-your-device-1' },
  ),
  tab(
    `
# 4. Read the newest page of the history, and the
# position to follow from.
query History($channelId: ID!) {
  channel(id: $channelId) {
    name
    messages(last: 20) {
      position
      nodes { id seq kind text author { name } }
      pageInfo { hasPreviousPage startCursor }
    }
  }
}`,
    { channelId: later('channelId') },
  ),
  tab(
    `
# 5. Follow a channel: everything after a
# position, then live. Nothing is lost or
# repeated. Send from a second window to see it
# arrive: the page shows the last events, the
# newest first.
subscription FollowMessages($channelId: ID!, $after: Int) {
  messages(channelId: $channelId, after: $after) {
    id
    seq
    position
    text
    editedAt
    author { name }
  }
}`,
    { channelId: later('channelId'), after: 0 },
  ),
  tab(
    `
# 6. Move your seen mark: everything up to this
# seq counts as read, on all your devices.
mutation MarkSeen($channelId: ID!, $seq: Int!) {
  markSeen(channelId: $channelId, seq: $seq) { seenSeq unreadCount }
}`,
    { channelId: later('channelId'), seq: later('seq') },
  ),
  tab(
    `
# 7. Edit or delete your message.
mutation Edit($messageId: ID!, $text: String!) {
  editMessage(messageId: $messageId, text: $text) { id text editedAt position }
}

mutation Delete($messageId: ID!) {
  deleteMessage(messageId: $messageId) { id deletedAt position }
}`,
    { messageId: later('messageId'), text: 'Hello again' },
  ),
  tab(
    `
# 8. Upload a file: press play, and choose one. It
# is sent as a GraphQL multipart request.
mutation Upload($channelId: ID!, $file: Upload!) {
  upload(channelId: $channelId, file: $file) { id filename mimetype byteSize url }
}`,
    { channelId: later('channelId'), file: null },
  ),
  tab(
    `
# 9. Send the file: its id comes from the tab
# before.
mutation SendFile($channelId: ID!, $attachmentId: ID!) {
  send(input: { channelId: $channelId, attachmentIds: [$attachmentId] }) {
    message { id seq attachments { filename byteSize } }
  }
}`,
    { channelId: later('channelId'), attachmentId: later('attachmentId') },
  ),
  publicTab(`
# 10. Somebody to talk to: a second guest, who
# only lends you an id.
mutation Friend {
  friend: guest(input: { name: "Bob" }) {
    user { id name }
  }
}`),
  tab(
    `
# 11. Open the direct channel with them. Its id
# becomes the channelId of all tabs: go back to
# tab 3 to write.
mutation DirectMessage($friendId: ID!) {
  openDirect(userId: $friendId) {
    id
    kind
    members(first: 2) { nodes { name } }
  }
}`,
    { friendId: later('friendId') },
  ),
  tab(
    `
# 12. Block them, and take it back.
mutation Block($friendId: ID!) {
  block(userId: $friendId) { id name }
}

mutation Unblock($friendId: ID!) {
  unblock(userId: $friendId) { id name }
}`,
    { friendId: later('friendId') },
  ),
  tab(`
# 13. Look for a stranger: sign in as another
# guest in a second window, and run this in both.
mutation Match {
  match(input: { tags: ["books"] }) {
    id
    status
    expiresAt
    partner { name }
    channel { id }
  }
}`),
  tab(`
# 14. Follow your match: its present state at
# once, then every change.
subscription FollowMatch {
  match {
    id
    status
    endReason
    partner { name }
    channel { id }
  }
}`),
  tab(`
# 15. Follow everything that concerns you, over one
# subscription: messages of all channels, and
# changes of channels, memberships and match. Pass
# the newest cursor as after to go on from there.
subscription FollowEverything($after: String) {
  updates(after: $after) {
    cursor
    event {
      __typename
      ... on MessageChanged { message { id position text channel { id } author { name } } }
      ... on ChannelChanged { channel { id name } }
      ... on MembershipChanged { channelId membership { seenSeq unreadCount } }
      ... on MatchChanged { match { id status } }
      ... on UserChanged { user { id name } }
      ... on ResyncRequired { channel { id } }
      ... on CaughtUp { at }
    }
  }
}`),
  tab(
    `
# 16. Keep this guest: with an e-mail address and
# a password you can sign in again. Choose your
# own.
mutation Register($refreshToken: String, $email: String!, $password: String!) {
  register(input: { name: "Ada", email: $email, password: $password, refreshToken: $refreshToken }) {
    token
    refreshToken
    expiresAt
    user { id name }
  }
}`,
    { email: 'ada@example.com', password: '', refreshToken: later('refreshToken') },
  ),
  publicTab(
    `
# 17. Exchange the refresh token for a new pair,
# which goes into all tabs. Each refresh token
# works once.
mutation Refresh($refreshToken: String!) {
  refresh(refreshToken: $refreshToken) { token refreshToken expiresAt }
}`,
    { refreshToken: later('refreshToken') },
  ),
  tab(`
# 18. Sign out: ends the session, and removes its
# tokens and ids from all tabs.
mutation SignOut {
  logout
}`),
];
