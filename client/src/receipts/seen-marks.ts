import type { Client } from '@urql/core';
import type { ChannelList } from '../channels/channel-list.ts';
import { MarkSeenDocument } from '../gql/graphql.ts';

/** How long marks of one channel are collected before the newest is sent. */
const sendDelayMs = 400;

/** The sender of seen marks. */
export type SeenMarks = ReturnType<typeof createSeenMarks>;

/**
 * Creates the sender of seen marks, which tell the server how far the viewer has read. A lost mark is not retried: the
 * next one includes it.
 */
export function createSeenMarks({ client, channels }: { client: Client; channels: ChannelList }) {
  const marked = new Map<string, number>();
  const timers = new Map<string, ReturnType<typeof setTimeout>>();

  return {
    /** Marks all messages up to `seq` as seen. */
    mark(channelId: string, seq: number): void {
      const membership = channels.find(channelId)?.viewerMembership;
      const known = Math.max(marked.get(channelId) ?? 0, membership?.seenSeq ?? 0);
      // Messages of a conversation that is not accepted stay unread.
      if (seq <= known || membership?.state === 'INVITED') return;
      marked.set(channelId, seq);
      if (!timers.has(channelId))
        timers.set(
          channelId,
          setTimeout(() => void send(channelId), sendDelayMs),
        );
    },
    dispose(): void {
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };

  async function send(channelId: string): Promise<void> {
    timers.delete(channelId);
    const seq = marked.get(channelId) ?? 0;
    const result = await client.mutation(MarkSeenDocument, { channelId, seq }).toPromise();
    const viewerMembership = result.data?.markSeen;
    if (!viewerMembership) {
      marked.delete(channelId);
      return;
    }
    const channel = channels.find(channelId);
    if (channel?.viewerMembership)
      channels.put({ ...channel, viewerMembership: { ...channel.viewerMembership, ...viewerMembership } });
  }
}
