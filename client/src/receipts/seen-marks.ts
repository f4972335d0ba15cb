import type { Client } from '@urql/core';
import type { ChannelList } from '../channels/channel-list.ts';
import { MarkSeenDocument } from '../gql/graphql.ts';

/** Marks of one channel go out at most so often. */
const DELAY_MS = 400;

/** Tells the server how far the viewer has read. A mark that is lost is made good by the next. */
export function createSeenMarks({ client, channels }: { client: Client; channels: ChannelList }) {
  const marked = new Map<string, number>();
  const timers = new Map<string, ReturnType<typeof setTimeout>>();

  return {
    /** Everything up to `seq` was in view. */
    mark(channelId: string, seq: number): void {
      const known = Math.max(marked.get(channelId) ?? 0, channels.find(channelId)?.viewerMembership?.seenSeq ?? 0);
      if (seq <= known) return;
      marked.set(channelId, seq);
      if (!timers.has(channelId))
        timers.set(
          channelId,
          setTimeout(() => void tell(channelId), DELAY_MS),
        );
    },
    dispose(): void {
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };

  async function tell(channelId: string): Promise<void> {
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
