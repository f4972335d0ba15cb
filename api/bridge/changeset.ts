import type { ChannelEvent, Entry, Head, Outcome } from '../events.ts';

/** Changes of one transaction of the bridge: collected while it runs, published after its commit. */
export interface Changeset {
  outcomes: { event: ChannelEvent; outcome: Outcome }[];
  /** New states of entries by channel, in order of position. */
  entries: Map<string, Entry[]>;
  heads: Map<string, Head>;
  /** Users whose match began or ended. */
  matchUserIds: Set<string>;
}

/** Head of a channel as a statement returns it. */
export interface ChannelHead {
  id: string;
  position: number;
  seq: number;
  version: number;
}

/** Returns an empty changeset. */
export function createChangeset(): Changeset {
  return { outcomes: [], entries: new Map(), heads: new Map(), matchUserIds: new Set() };
}

/** Adds the new state of an entry, whose position is above those added before. */
export function addEntry({ entries }: Changeset, entry: Entry): void {
  const list = entries.get(entry.channelId);
  if (list) list.push(entry);
  else entries.set(entry.channelId, [entry]);
}

/**
 * Adds the new head of a channel.
 * @param userIds users whose membership changed
 */
export function addHead({ heads }: Changeset, { id, ...head }: ChannelHead, userIds: readonly string[] = []): void {
  const before = heads.get(id)?.userIds ?? [];
  heads.set(id, { channelId: id, ...head, userIds: [...new Set([...before, ...userIds])] });
}
