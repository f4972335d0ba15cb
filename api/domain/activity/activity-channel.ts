import { type ActivitySignal, activityTopic, type ChannelSignal, type Entry } from '../../events.ts';
import { ignore } from '../../ignore.ts';
import type { PubSub } from '../../infra/pubsub/pubsub.ts';
import type { ChannelListener, ChannelSignals } from '../../live/channel-signals.ts';
import type { Logger } from '../../logger.ts';
import { endsMembership } from '../access.ts';
import type { ChannelReads } from '../channel-reads.ts';
import type { OnlineMembersOfChannels } from '../online-members.ts';
import { createActivityFollowers } from './activity-followers.ts';
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

/**
 * The activity of one channel on this node: who types, who is online, how far members have seen. Changes are told in rounds. A
 * follower who is no longer a member is told at once.
 */
export function createActivityChannel(channelId: string, options: ActivityChannelOptions) {
  const { pubsub, channels, onlineMembers, reads, publisher, typingLeaseMs: leaseMs, logger } = options;
  const source = createActivitySource(channelId);
  const rounds = createActivityRounds({ onRound: tellRound });
  const typers = createTypers({ leaseMs, onChange: (userId, isActive) => tell({ type: 'typing', userId, isActive }) });
  const followers = createActivityFollowers({
    membersAmong: async (userIds) => new Set((await membershipsOf(userIds)).map(({ userId }) => userId)),
    onLeft: (userIds) => tellLeft(userIds, Number.POSITIVE_INFINITY),
    logger,
  });
  const listener: ChannelListener = { onSignal };
  const ends: (() => unknown)[] = [typers.stop, rounds.stop, followers.stop];
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
    join: followers.join,
    stop(): void {
      isStopped = true;
      for (const end of ends.splice(0)) end();
    },
  };

  async function followTopic(): Promise<void> {
    const unsubscribe = await pubsub.subscribe(activityTopic(channelId), onActivity);
    onStop(() => unsubscribe().catch(ignore));
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
    if (entries.length === 0 && profileOf === undefined && head.channelId === channelId) void followers.compare();
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

  function tellRound(events: readonly PendingEvent[]): void {
    const receipts = events.flatMap(({ type, userId }) => (type === 'receipt' ? userId : []));
    for (const event of events) if (event.type !== 'receipt' && !source.isKnown(event)) source.push(event);
    source.notify();
    if (receipts.length > 0) void tellReceipts(receipts);
  }

  /** Tells how far members have seen, apart from the others of the round, who need not wait for the database. */
  async function tellReceipts(userIds: readonly string[]): Promise<void> {
    const found = await membershipsOf(userIds).catch(noReceipts);
    for (const membership of found) source.push({ type: 'receipt', userId: membership.userId, membership });
    source.notify();
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
