import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { navigationHeaders } from '../http/navigation.ts';
import { linkScript } from './graphiql-links.ts';

/** An HTML page, ready to send. */
export interface Page {
  body: Buffer;
  headers: Readonly<Record<string, string>>;
}

/**
 * Matches the place where GraphiQL passes the headers of its editor to the executor. They must also go into the
 * `connection_init` payload: browsers send no headers with a WebSocket.
 */
const headersArgument = /extensions:\{headers:(\w+)\?\.headers\}/;

/** The call that renders the page, at its end. */
const renderCall = /YogaGraphiQL\.renderYogaGraphiQL\((?=\s*window\.document\.querySelector\('#root'\))/;

/** Tabs keep an outdated offset after a new layout, move away under the pointer and miss the first click. */
const steadyTabs = '<style>.graphiql-tab { transform: none !important; }</style></head>';

/**
 * Gives GraphiQL, which keeps headers with their tokens, the storage of the tab in place of the one that lasts, and removes
 * the state that earlier versions have left there.
 */
const sessionStorageScript = `<script>
for (const key of Object.keys(localStorage)) if (key.startsWith('graphiql')) localStorage.removeItem(key);
Object.defineProperty(window, 'localStorage', { value: sessionStorage });
</script>`;

/** Renders GraphiQL as one compressed page that loads nothing from other hosts. */
export async function createGraphiQL(): Promise<Page> {
  // Imported at the first use, because the package holds 30 MB of text.
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const html = renderGraphiQL({
    title: 'Parley · GraphiQL',
    endpoint: '/graphql',
    subscriptionsProtocol: 'WS',
    shouldPersistHeaders: true,
    defaultEditorToolsVisibility: 'headers',
    inputValueDeprecation: true,
    defaultTabs: tabs.map(({ query, variables, isPublic }) => ({
      query: query.trim(),
      variables: variables === undefined ? null : JSON.stringify(variables, null, 2),
      headers: isPublic
        ? null
        : JSON.stringify({ Authorization: 'Bearer PASTE THE TOKEN OF THE FIRST TAB HERE' }, null, 2),
    })),
  });
  if (!headersArgument.test(html)) throw new Error('GraphiQL has changed: its headers do not reach the WebSocket');
  if (!renderCall.test(html)) throw new Error('GraphiQL has changed: links to a query do not reach it');
  const page = html
    .replace(renderCall, 'renderLinked(')
    .replace(headersArgument, 'extensions:{headers:$1?.headers,connectionParams:$1?.headers}')
    .replace('</head>', steadyTabs)
    .replace('<head>', `<head>${sessionStorageScript}${linkScript}`);
  return {
    body: await promisify(gzip)(page),
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-encoding': 'gzip',
      'cache-control': 'no-cache',
      vary: navigationHeaders,
      'content-security-policy': `default-src 'none'; script-src ${scriptHashes(page)} blob:; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; worker-src blob:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    },
  };
}

/** Returns the hashes of the page's own scripts: no other inline script runs (Content Security Policy Level 3). */
function scriptHashes(page: string): string {
  const scripts = [...page.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map(([, text = '']) => text);
  return scripts.map((text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`).join(' ');
}

const tabs: readonly { query: string; variables?: object; isPublic?: boolean }[] = [
  {
    isPublic: true,
    query: `
# 1. Sign in as a guest. Copy the token from the response into the Headers of the other tabs.
mutation Guest {
  guest(input: { name: "Ada" }) {
    token
    refreshToken
    expiresAt
    user { id name }
  }
}`,
  },
  {
    query: `
# 2. Look for a stranger: sign in as a second guest in another window and run this in both.
mutation Match {
  match(input: { tags: ["books"] }) {
    id
    status
    expiresAt
    partner { name }
    channel { id }
  }
}`,
  },
  {
    query: `
# 3. Follow your match: its present state at once, then every change.
subscription FollowMatch {
  match {
    id
    status
    endReason
    partner { name }
    channel { id }
  }
}`,
  },
  {
    query: `
# 4. Open a room, and find it in the list of rooms.
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
}`,
  },
  {
    variables: { channelId: 'PASTE A CHANNEL ID', text: 'Hello', clientId: 'made-up-by-your-device-1' },
    query: `
# 5. Send a message. With the same clientId it is sent once, however often you press play.
mutation Send($channelId: ID!, $text: String!, $clientId: String) {
  send(input: { channelId: $channelId, text: $text, clientId: $clientId }) {
    message { id seq position text sentAt }
  }
}`,
  },
  {
    variables: { id: 'PASTE A CHANNEL ID' },
    query: `
# 6. Read the newest page of the history, and the position to follow from.
query History($id: ID!) {
  channel(id: $id) {
    name
    messages(last: 20) {
      position
      nodes { id seq kind text author { name } }
      pageInfo { hasPreviousPage startCursor }
    }
  }
}`,
  },
  {
    variables: { channelId: 'PASTE A CHANNEL ID', after: 0 },
    query: `
# 7. Follow a channel: everything after a position, then live. Nothing is lost or repeated.
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
  },
  {
    variables: { messageId: 'PASTE A MESSAGE ID', text: 'Hello again' },
    query: `
# 8. Edit or delete your message.
mutation Edit($messageId: ID!, $text: String!) {
  editMessage(messageId: $messageId, text: $text) { id text editedAt position }
}

mutation Delete($messageId: ID!) {
  deleteMessage(messageId: $messageId) { id deletedAt position }
}`,
  },
  {
    variables: { refreshToken: 'PASTE THE REFRESH TOKEN' },
    isPublic: true,
    query: `
# 9. Exchange the refresh token for a new pair. Each refresh token works once.
mutation Refresh($refreshToken: String!) {
  refresh(refreshToken: $refreshToken) { token refreshToken expiresAt }
}`,
  },
];
