import { type ChangedChannel, maxProfiles } from './statements.ts';
import type { Mark } from './update-cursor.ts';

/** Changed entries of a channel that the client does not know, by ranges of positions and offsets. */
export interface Gap {
  channelId: string;
  /** Position up to which the client knows the entries. */
  low: number;
  /** Position of the last entry. */
  high: number;
  /** First offset of the range, and the offset after it. */
  lower: number;
  upper: number;
}

/** Updates about one channel. */
export interface ChannelPlan {
  channelId: string;
  isMembershipChanged: boolean;
  isChannelChanged: boolean;
  /** Whether the client must load the channel again. There is no gap then. */
  isResync: boolean;
  /** Entries to replay; null if there are none. */
  gap: Gap | null;
}

/**
 * Decides which updates a changed channel yields.
 *
 * A user who joined gets the entries from the joining on. A user who left and joined again may lack entries in between, which
 * revisions above 2 show: the first two are those of an invitation and its acceptance. Blocks, and roles where entries are hidden from
 * others, change which entries a user sees.
 * @param to mark up to which updates are delivered
 */
export function planChannel(channel: ChangedChannel, to: Mark): ChannelPlan {
  const { id: channelId, isMember, isInvited, isTracked, memberOffset, changedOffset, revision, isSeen } = channel;
  const lower = channel.lower ?? 0;
  const isAbove = (offset: number | null) => !isTracked || (offset !== null && offset >= lower);
  const isMembershipChanged = isAbove(memberOffset) || (isMember && isSeen);
  if (!isMember) {
    const isChannelChanged = isInvited && (isMembershipChanged || isAbove(changedOffset));
    return { channelId, isMembershipChanged, isChannelChanged, isResync: false, gap: null };
  }
  const hasJoined = isTracked && memberOffset !== null && memberOffset >= lower && beganAbove(channel, lower);
  const isResync = !isTracked || isGapTooLong(channel) || mustReload(channel) || (hasJoined && revision > 2);
  return {
    channelId,
    isMembershipChanged,
    isChannelChanged: isAbove(changedOffset) || hasJoined,
    isResync,
    gap: isResync ? null : gapOf(channel, hasJoined ? (channel.joinedOffset ?? lower) : lower, to),
  };
}

/**
 * Whether a membership that has changed began at an offset or later. One without an entry began when the channel was opened, or in a
 * direct channel again after declining.
 */
function beganAbove({ joinedOffset, revision, isDirect }: ChangedChannel, lower: number): boolean {
  if (joinedOffset !== null) return joinedOffset >= lower;
  return revision === 1 || (isDirect && revision > 2);
}

/** Whether a channel shows that the viewer's match began or ended. */
export function isMatchChange(channel: ChangedChannel): boolean {
  const { isMatch, isTracked, memberOffset, changedOffset, lower } = channel;
  return isMatch && (!isTracked || Math.max(memberOffset ?? 0, changedOffset ?? 0) >= (lower ?? 0));
}

/** Whether the user sees other entries than before. */
function mustReload({ isBlockChanged, isStartMoved }: ChangedChannel): boolean {
  return isBlockChanged || isStartMoved;
}

/** A long list of profiles is loaded again with the channel. */
function isGapTooLong({ isTooFar, low, trimmedPosition, profiles }: ChangedChannel): boolean {
  return isTooFar || profiles.length > maxProfiles || (low !== null && low < trimmedPosition);
}

function gapOf({ id, low, position, partition }: ChangedChannel, lower: number, to: Mark): Gap | null {
  const upper = partition === null ? undefined : to.next[partition];
  if (low === null || low >= position || upper === undefined || lower >= upper) return null;
  return { channelId: id, low, high: position, lower, upper };
}

/**
 * Lets as many messages be replayed as a budget allows, the smallest gaps first. The other channels are loaded again.
 * @param count returns the number of entries in each gap
 */
export async function shareBudget(
  plans: readonly ChannelPlan[],
  budget: number,
  count: (gaps: readonly Gap[]) => Promise<readonly number[]>,
): Promise<ChannelPlan[]> {
  const gaps = plans.flatMap(({ gap }) => gap ?? []).sort((a, b) => lengthOf(a) - lengthOf(b));
  if (sum(gaps.map(lengthOf)) <= budget) return [...plans];
  const counts = await countSmallest(gaps, budget, count);
  const replayed = new Set<Gap>();
  let left = budget;
  for (const [gap, entries] of [...counts].sort(([, a], [, b]) => a - b)) {
    left -= entries;
    if (left < 0) break;
    replayed.add(gap);
  }
  return plans.map((plan) => {
    const isLeftOut = plan.gap !== null && !replayed.has(plan.gap);
    return isLeftOut ? { ...plan, gap: null, isResync: true } : plan;
  });
}

/** Returns the number of positions in a gap: the maximum number of its entries. */
export function lengthOf({ low, high }: Gap): number {
  return high - low;
}

/** Number of gaps that one statement counts. */
const countedAtOnce = 20;

/** Counts gaps, the shortest first, until they exceed the budget. */
async function countSmallest(
  gaps: readonly Gap[],
  budget: number,
  count: (gaps: readonly Gap[]) => Promise<readonly number[]>,
): Promise<Map<Gap, number>> {
  const counts = new Map<Gap, number>();
  for (let from = 0; from < gaps.length && sum([...counts.values()]) <= budget; from += countedAtOnce) {
    const part = gaps.slice(from, from + countedAtOnce);
    const found = await count(part);
    part.forEach((gap, n) => void counts.set(gap, found[n] ?? 0));
  }
  return counts;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
