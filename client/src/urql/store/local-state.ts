import type { Client } from '@urql/core';
import type { Failure } from '../errors.ts';
import type { DataStore } from '../platform/platform.ts';
import type { Connection } from '../socket.ts';
import { createValue, type Readable } from '../value.ts';
import { applyMessage, applyUpdate, type State } from './apply-update.ts';
import { createChannelStore } from './channels.ts';
import { createConversations } from './conversations.ts';
import { followUpdates } from './follow-updates.ts';
import { loadChannels, loadMatch } from './load-state.ts';
import { createMatchStore } from './match-place.ts';
import { createReloader } from './reload-channels.ts';
import { createSeenMarks } from './seen-marks.ts';
import { createSnapshotSaver, readSnapshot } from './snapshot.ts';
import type { ChangedUser, Message } from './types.ts';

/** How complete the local state is. */
export type SyncState =
  /** Nothing is loaded yet. `failure` tells why, once an attempt has failed. */
  | { readonly status: 'starting'; readonly failure: Failure | null }
  /** There is an earlier state, and the changes since then are being fetched. */
  | { readonly status: 'behind' }
  /** The state is complete. */
  | { readonly status: 'current' };

/** Options of `createLocalState`. */
export interface LocalStateOptions {
  client: Client;
  connection: Readable<Connection>;
  store: DataStore;
  viewerId: string;
  /** Called when the profile of a user changed. */
  onUser(user: ChangedUser): void;
}

/**
 * Creates the local state of one user: the channels, the messages that were loaded, and the match. One subscription keeps it
 * complete; it is stored together with the cursor of that subscription, and goes on from there after a reload.
 */
export function createLocalState({ client, connection, store, viewerId, onUser }: LocalStateOptions) {
  const sync = createValue<SyncState>({ status: 'starting', failure: null });
  const channels = createChannelStore(viewerId);
  const match = createMatchStore(client);
  const conversations = createConversations(client, isReady);
  const reloader = createReloader(client, channels);
  const saver = createSnapshotSaver(store, take);
  const state: State = {
    channels,
    conversation: conversations.find,
    forget: conversations.forget,
    putMatch: match.put,
    putUser,
    caughtUp,
    reload: reloader.reload,
  };
  let following: ReturnType<typeof followUpdates> | undefined;
  let isDisposed = false;
  const stopWatching = connection.subscribe(() => {
    if (connection.get().state === 'reconnecting' && sync.get().status === 'current') sync.set({ status: 'behind' });
  });
  void start();

  return {
    sync: { get: sync.get, subscribe: sync.subscribe } satisfies Readable<SyncState>,
    channels,
    match,
    conversation: conversations.open,
    markSeen: createSeenMarks(client, channels),
    /** Adds a message that the viewer sent or changed. */
    putMessage: (message: Message) => applyMessage(state, message),
    /** Stores the state now, instead of within a second. */
    save: saver.save,
    dispose() {
      isDisposed = true;
      following?.stop();
      stopWatching();
      saver.stop();
      match.dispose();
    },
  };

  async function start(): Promise<void> {
    const snapshot = await readSnapshot(store);
    if (isDisposed) return;
    if (snapshot) {
      channels.restore(snapshot.channels);
      conversations.restore(snapshot.timelines);
      match.put(snapshot.match);
      sync.set({ status: 'behind' });
    }
    following = followUpdates({ client, connection, cursor: snapshot?.cursor ?? null, load, onEvent, onFailure });
  }

  async function load(): Promise<Failure | null> {
    const [list, place] = await Promise.all([loadChannels(client), loadMatch(client)]);
    const failure = list.failure ?? place.failure;
    if (list.value === null || place.value === null) return failure;
    channels.replace(list.value);
    match.put(place.value.match);
    // At the start conversations wait for this moment with their first page.
    if (sync.get().status === 'starting') sync.set({ status: 'behind' });
    else conversations.resync();
    return null;
  }

  function onEvent(event: Parameters<typeof applyUpdate>[1]): void {
    applyUpdate(state, event);
    saver.schedule();
  }

  function onFailure(failure: Failure): void {
    if (sync.get().status === 'starting') sync.set({ status: 'starting', failure });
    else sync.set({ status: 'behind' });
  }

  function caughtUp(): void {
    if (sync.get().status !== 'current') {
      sync.set({ status: 'current' });
      conversations.retry();
      reloader.retry();
    }
  }

  function putUser(user: ChangedUser): void {
    channels.putUser(user);
    conversations.putUser(user);
    onUser(user);
  }

  /** Resolves once there is a cursor: a page that was loaded before could miss changes. */
  function isReady(): Promise<void> {
    return new Promise((resolve) => {
      const stop = sync.subscribe(check);
      function check(): void {
        if (sync.get().status === 'starting') return;
        stop();
        resolve();
      }
      check();
    });
  }

  function take() {
    const cursor = following?.cursor() ?? null;
    if (cursor === null) return null;
    return { cursor, channels: channels.records(), timelines: conversations.newest(), match: match.get() };
  }
}
