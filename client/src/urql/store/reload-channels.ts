import type { Client } from '@urql/core';
import type { ChannelStore } from './channels.ts';
import { loadChannel } from './load-state.ts';

/** Creates the loader of single channels: one at a time, each once however often it is asked for in the meantime. */
export function createReloader(client: Pick<Client, 'query'>, channels: ChannelStore) {
  const stale = new Set<string>();
  let isRunning = false;

  return {
    reload(channelId: string): void {
      stale.add(channelId);
      void run();
    },
    /** Loads the channels that could not be loaded before. */
    retry: () => void run(),
  };

  async function run(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    const failed = new Set<string>();
    // Visits channels that are added meanwhile too.
    for (const id of stale) {
      stale.delete(id);
      const channel = await loadChannel(client, id);
      if (channel) channels.put(channel);
      else if (channel === null) channels.remove(id);
      else failed.add(id);
    }
    for (const id of failed) stale.add(id);
    isRunning = false;
  }
}
