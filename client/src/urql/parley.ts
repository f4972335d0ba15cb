import type { Client } from '@urql/core';
import type { Account, ParleySession } from './account.ts';
import { createOutbox, type Outbox } from './outbox/outbox.ts';
import type { Platform } from './platform/platform.ts';
import type { Connection, Socket, SocketTiming } from './socket.ts';
import type { Channels } from './store/channels.ts';
import type { Conversation } from './store/conversation.ts';
import { createLocalState, type SyncState } from './store/local-state.ts';
import type { MatchPlace } from './store/match-place.ts';
import { createUpload, type Upload } from './upload.ts';
import { createUrqlClient } from './urql-client.ts';
import { createValue, type Readable } from './value.ts';

/** Options of `createParley`. */
export interface ParleyOptions {
  /** Absolute URL of the API, `http:` or `https:`. The WebSocket uses the same URL with `ws:` or `wss:`. */
  url: string;
  /** A session that is signed in. */
  session: ParleySession;
  platform: Platform;
  /** How soon a dead connection is noticed. */
  timing?: SocketTiming | undefined;
}

/** One user's connection and local state. Everything that has `get` and `subscribe` fits `useSyncExternalStore`. */
export interface Parley {
  /** The urql client, for all other operations. */
  client: Client;
  connection: Readable<Connection>;
  /** How complete the local state is. */
  sync: Readable<SyncState>;
  viewer: Readable<Account>;
  /** The viewer's channels and invitations. */
  channels: Channels;
  /** Returns the messages of a channel, always the same object. */
  conversation(channelId: string): Conversation;
  match: MatchPlace;
  outbox: Outbox;
  upload: Upload;
  /** Moves the viewer's seen mark of a channel forward to the message with this `seq`. */
  markSeen(channelId: string, seq: number): void;
  /** Reconnects immediately instead of waiting, or checks that the connection is alive. */
  wake: Socket['wake'];
  /** Removes everything that is stored of this user, for signing out. Call it after `dispose`. */
  forget(): Promise<void>;
  /** Closes the connection and stores the state. */
  dispose(): Promise<void>;
}

/**
 * Creates the connection and the local state of the user who is signed in. Create a new one when another user signs in.
 * One subscription, `updates`, keeps the state complete; see README.md.
 * @throws Error if nobody is signed in
 */
export function createParley({ url, session, platform, timing }: ParleyOptions): Parley {
  const account = session.get()?.user;
  if (!account) throw new Error('Sign in before you call `createParley`.');
  const name = `parley.${account.id}`;
  const store = platform.openStore(name);
  const viewer = createValue(account);
  const connector = createUrqlClient({ url, session, webSocketImpl: platform.webSocketImpl, timing });
  const { client, connection, wake } = connector;
  const onUser = (user: Partial<Account>) => user.id === account.id && viewer.set({ ...viewer.get(), ...user });
  const state = createLocalState({ client, connection, store, viewerId: account.id, onUser });
  const upload = createUpload(url, session, platform.postForm);
  const isSignedIn = () => session.get() !== null;
  const outbox = createOutbox({
    platform,
    store,
    name,
    client,
    upload,
    connection,
    isSignedIn,
    onSent: state.putMessage,
  });

  return {
    client,
    connection,
    sync: state.sync,
    viewer: { get: viewer.get, subscribe: viewer.subscribe },
    channels: state.channels,
    conversation: state.conversation,
    match: state.match,
    outbox,
    upload,
    markSeen: state.markSeen,
    wake,
    forget: store.clear,
    async dispose() {
      outbox.dispose();
      const saved = state.save();
      state.dispose();
      connector.dispose();
      await saved;
    },
  };
}
