import type { Client } from '@urql/core';
import { MarkSeenDocument } from '../gql/graphql.ts';
import type { ChannelStore } from './channels.ts';

/**
 * Returns a function that moves the viewer's seen mark of a channel forward: at once in the local state, and by one
 * mutation at a time on the server. Of marks that wait only the furthest is sent.
 */
export function createSeenMarks(client: Pick<Client, 'mutation'>, channels: ChannelStore) {
  const waiting = new Map<string, number>();
  const running = new Set<string>();

  return (channelId: string, seq: number): void => {
    if (seq <= (channels.find(channelId)?.viewerMembership?.seenSeq ?? 0)) return;
    channels.markSeen(channelId, seq);
    waiting.set(channelId, seq);
    if (!running.has(channelId)) void run(channelId);
  };

  async function run(channelId: string): Promise<void> {
    running.add(channelId);
    for (let seq = take(channelId); seq !== undefined; seq = take(channelId)) {
      const { data } = await client.mutation(MarkSeenDocument, { channelId, seq }).toPromise();
      if (data?.markSeen && !waiting.has(channelId)) channels.putMembership(channelId, data.markSeen);
    }
    running.delete(channelId);
  }

  function take(channelId: string): number | undefined {
    const seq = waiting.get(channelId);
    waiting.delete(channelId);
    return seq;
  }
}
