import type { Timeline } from '../cache.ts';
import type { DataStore } from '../platform/platform.ts';
import type { ChannelRecord } from './channel-record.ts';
import type { Match, Message } from './types.ts';

/** The local state at a cursor. It is stored as a whole, so that the cursor never lies beyond the state. */
export interface Snapshot {
  /** Changes with the shape of the state, or with its selections: other versions are not read. */
  version: typeof version;
  cursor: string;
  channels: readonly ChannelRecord[];
  timelines: readonly { channelId: string; timeline: Timeline<Message> }[];
  match: Match | null;
}

const version = 1;
const key = 'state';
/** How often the state is stored while it changes. */
const saveIntervalMs = 1_000;

/** Reads the state that was stored last; null if there is none that this version can read. */
export async function readSnapshot(store: DataStore): Promise<Snapshot | null> {
  const stored = (await store.get(key)) as Partial<Snapshot> | undefined;
  return stored?.version === version ? (stored as Snapshot) : null;
}

/**
 * Creates the saver of snapshots.
 * @param take returns the present state; null if there is nothing to store
 */
export function createSnapshotSaver(store: DataStore, take: () => Omit<Snapshot, 'version'> | null) {
  let timer: ReturnType<typeof setTimeout> | undefined;

  return {
    /** Stores the state soon. */
    schedule(): void {
      timer ??= setTimeout(() => void save(), saveIntervalMs);
    },
    /** Stores the state now. */
    save,
    stop: () => clearTimeout(timer),
  };

  async function save(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const state = take();
    if (state) await store.set(key, { version, ...state } satisfies Snapshot);
  }
}
