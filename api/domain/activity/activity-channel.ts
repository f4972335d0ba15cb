import { type ActivitySignal, activityTopic, type ChannelSignal, type Entry } from '../../events.ts';
import type { PubSub } from '../../infra/pubsub/pubsub.ts';
import type { ChannelListener, ChannelSignals } from '../../live/channel-signals.ts';
import type { Logger } from '../../logger.ts';
import { endsMembership } from '../access.ts';
import type { ChannelReads } from '../channel-reads.ts';
import type { OnlineMembersOfChannels } from '../online-members.ts';
import type { ActivityEvent } from './activity-event.ts';
import type { ActivityPublisher } from './activity-publisher.ts';
import { createActivityRounds, type PendingEvent } from './activity-rounds.ts';
import { createActivitySource } from './activity-source.ts';
import { createTypers } from './typers.ts';

/** Parts that the activity of a channel runs on. */
export interface ActivityChannelOptions {
  pubsub: Pick<PubSub, 'subscribe'>;
  channels: Pick<ChannelSignals, 'follow' | 'unfollow'>;
  onlineMembers: Pick<OnlineMembersOfChannels, 'watch'>;
  reads: Pick<ChannelReads, 'memberships'>;
  publisher: Pick<ActivityPublisher, 'ask'>;
  /** Milliseconds for which a user counts as typing. */
  typingLeaseMs: number;
  logger: Logger;
}

/** Milliseconds until memberships are compared again after that failed. */
const retryMs = 1_000;

/**
 * The activity of one channel on this node: who types, who is online, how far members have seen. Changes are told in rounds. A
 * follower who is no longer a member is told at once.
 */
export function createActivityChannel(channelId: string, options: ActivityChannelOptions) {
  const { pubsub, channels, onlineMembers, reads, publisher, typingLeaseMs: leaseMs, logger } = options;
  const source = createActivitySource(channelId);
  const rounds = createActivityRounds({ onRound: (events) => void tellRound(events) });
  const typers = createTypers({ leaseMs, onChange: (userId, isActive) => tell({ type: 'typing', userId, isActive }) });
  /** Number of subscriptions of each follower. */
  const followers = new Map<string, number>();
  const listener: ChannelListener = { onSignal };
  const ends: (() => unknown)[] = [typers.stop, rounds.stop, () => clearTimeout(retry)];
  let retry: NodeJS.Timeout | undefined;
  let isStopped = false;

  return {
    source,
    /** Number of changes that wait for a later round. */
    waiting: rounds.size,
    /**
     * Starts to follow the channel. When this resolves, the members online are known, and changes arrive.
     * @throws the error that kept it from being followed
     */
    async start(): Promise<void> {
      const opened = await Promise.allSettled([followTopic(), followChannel(), followPresence()]);
      const failed = opened.find((one) => one.status === 'rejected');
      if (failed) throw failed.reason;
      publisher.ask(channelId);
    },
    /** Counts a subscription of a user, who is told when the membership ends. Returns a function that takes it back. */
    join(userId: string): () => void {
      followers.set(userId, (followers.get(userId) ?? 0) + 1);
      return () => {
        const others = (followers.get(userId) ?? 1) - 1;
        if (others > 0) followers.set(userId, others);
        else followers.delete(userId);
      };
    },
    stop(): void {
      isStopped = true;
      for (const end of ends.splice(0)) end();
    },
  };

  async function followTopic(): Promise<void> {
    onStop(await pubsub.subscribe(activityTopic(channelId), onActivity));
  }

  async function followChannel(): Promise<void> {
    await channels.follow(channelId, listener);
    onStop(() => channels.unfollow(channelId, listener));
  }

  async function followPresence(): Promise<void> {
    const { onlineIds, leave } = await onlineMembers.watch(channelId, (userId, isOnline) =>
      tell({ type: 'presence', userId, isOnline }),
    );
    onStop(leave);
    for (const userId of onlineIds) source.push({ type: 'presence', userId, isOnline: true });
  }

  function onStop(end: () => unknown): void {
    if (isStopped) void end();
    else ends.push(end);
  }

  function onActivity({ typing, ceased, seen }: ActivitySignal): void {
    for (const userId of typing) typers.set(userId, true);
    for (const userId of ceased) typers.set(userId, false);
    for (const userId of seen) tell({ type: 'receipt', userId });
  }

  function tell(event: PendingEvent): void {
    if (event.type !== 'receipt' && source.isKnown(event)) rounds.drop(event);
    else rounds.add(event);
  }

  function onSignal({ head, entries, profileOf }: ChannelSignal): void {
    for (const entry of entries) onEntry(entry);
    // A head alone may stand for any change.
    if (entries.length === 0 && profileOf === undefined && head.channelId === channelId) void compareMembers();
  }

  function onEntry(entry: Entry): void {
    // A message ends the typing of its author, also if that came through another gateway.
    if (entry.kind === 'TEXT' && entry.revision === 0) typers.set(entry.authorId, false);
    if (!endsMembership(entry, entry.authorId)) return;
    typers.set(entry.authorId, false);
    rounds.drop({ type: 'receipt', userId: entry.authorId });
    if (followers.has(entry.authorId)) tellLeft([entry.authorId], entry.position);
  }

  function tellLeft(userIds: readonly string[], leftAt: number): void {
    for (const userId of userIds) source.push({ type: 'presence', userId, isOnline: false }, leftAt);
    if (userIds.length > 0) source.notify();
  }

  /** Ends the subscriptions of followers who are no longer members. */
  async function compareMembers(): Promise<void> {
    const asked = [...followers.keys()];
    try {
      const members = new Set((await membershipsOf(asked)).map(({ userId }) => userId));
      tellLeft(
        asked.filter((userId) => !members.has(userId)),
        Number.POSITIVE_INFINITY,
      );
    } catch (error) {
      logger.warn({ error }, 'memberships of followers are not known; they are compared again');
      clearTimeout(retry);
      if (!isStopped) retry = setTimeout(() => void compareMembers(), retryMs);
    }
  }

  async function tellRound(events: readonly PendingEvent[]): Promise<void> {
    for (const event of await withMemberships(events)) if (!source.isKnown(event)) source.push(event);
    source.notify();
  }

  /** Returns the events of a round; receipts with the memberships that they are of, and without those of former members. */
  async function withMemberships(events: readonly PendingEvent[]): Promise<ActivityEvent[]> {
    const receipts = events.filter(({ type }) => type === 'receipt').map(({ userId }) => userId);
    const found = receipts.length > 0 ? await membershipsOf(receipts).catch(noReceipts) : [];
    const others = events.filter((event) => event.type !== 'receipt');
    return [
      ...others,
      ...found.map((membership) => ({ type: 'receipt' as const, userId: membership.userId, membership })),
    ];
  }

  function membershipsOf(userIds: readonly string[]) {
    return reads.memberships(
      userIds.map((userId) => ({ channelId, userId })),
      channelId,
    );
  }

  function noReceipts(error: unknown): [] {
    logger.warn({ error }, 'receipts of a channel are left out: memberships could not be read');
    return [];
  }
}

/** See `createActivityChannel`. */
export type ActivityChannel = ReturnType<typeof createActivityChannel>;
