import type { Entry } from '../../events.ts';
import { type ChannelPlan, type Gap, isMatchChange, lengthOf, planChannel, shareBudget } from './plan.ts';
import type { ReplayedEntry, Snapshot, Snapshots } from './snapshots.ts';
import { type Mark, type SweepPlace, type SweepStep, sweepSteps, type UpdateCursor } from './update-cursor.ts';

/** Something that changed for a viewer. Apart from messages the present state counts, which the reader looks up. */
export type UpdateEvent =
  | { type: 'message'; entry: Entry }
  | { type: 'channel'; channelId: string }
  | { type: 'membership'; channelId: string }
  | { type: 'match' }
  | { type: 'user'; userId: string }
  | { type: 'resync'; channelId: string };

/** An update, and the cursor after it. */
export interface BacklogUpdate {
  event: UpdateEvent;
  cursor: UpdateCursor;
}

const lowestId = '00000000-0000-0000-0000-000000000000';
/** Number of positions of one channel that are read at once, and of all channels of a viewer that are read ahead. */
const pageSize = 100;

/**
 * Delivers everything that has changed for a viewer between a cursor and a mark: match and users, then channel by channel. Each
 * update has a cursor from which the rest follows. Which channels are replayed is decided once: the cursor carries the rest of the
 * budget, and a smallest gap stays the smallest.
 * @param snapshot read with the cursor
 * @param options.cursor where the client is
 * @param options.maxReplay maximum number of messages that a whole sweep replays
 */
export async function* sweep(
  snapshot: Snapshot,
  options: { userId: string; cursor: UpdateCursor; reads: Pick<Snapshots, 'count' | 'entries'>; maxReplay: number },
): AsyncGenerator<BacklogUpdate> {
  const { userId, cursor, reads, maxReplay } = options;
  const { from } = cursor;
  const to = targetOf(cursor, snapshot);
  const start = cursor.sweep?.place ?? null;
  // Cursors are not signed: one that a client made up gets no more than others.
  let budget = Math.min(cursor.sweep?.budget ?? maxReplay, maxReplay);
  const plans = await shareBudget(plansOf(snapshot, to), budget, reads.count);

  if (start === null || start.step === 'users') {
    if (start === null && isMatchChanged(snapshot)) yield at({ type: 'match' }, 'users', lowestId);
    for (const id of changedUsers(snapshot, userId))
      if (start === null || id > start.id) yield at({ type: 'user', userId: id }, 'users', id);
  }
  for (const group of inGroups(plans)) {
    const firsts = await Promise.all(group.map(({ gap }) => (gap ? readSome(gap) : [])));
    for (const [n, plan] of group.entries()) yield* updatesOf(plan, firsts[n] ?? []);
  }

  async function* updatesOf(plan: ChannelPlan, first: readonly ReplayedEntry[]): AsyncGenerator<BacklogUpdate> {
    const { channelId, isMembershipChanged, isChannelChanged, isResync, gap } = plan;
    const isNew = (step: SweepStep) => isAfter(step, channelId, start);
    if (isMembershipChanged && isNew('membership'))
      yield at({ type: 'membership', channelId }, 'membership', channelId);
    if (isChannelChanged && isNew('channel')) yield at({ type: 'channel', channelId }, 'channel', channelId);
    if (isResync && isNew('messages')) yield at({ type: 'resync', channelId }, 'messages', channelId);
    if (gap) yield* messagesOf(gap, first);
  }

  async function* messagesOf(gap: Gap, first: readonly ReplayedEntry[]): AsyncGenerator<BacklogUpdate> {
    let entries = first;
    for (let low = gap.low; low < gap.high; low += pageSize) {
      if (low > gap.low) entries = await readSome({ ...gap, low });
      for (const { entry, offset } of entries) {
        budget = Math.max(0, budget - 1);
        yield at({ type: 'message', entry }, 'messages', gap.channelId, offset + 1);
      }
    }
  }

  function readSome(gap: Gap): Promise<readonly ReplayedEntry[]> {
    return reads.entries({ userId, gap: { ...gap, high: Math.min(gap.high, gap.low + pageSize) } });
  }

  function at(event: UpdateEvent, step: SweepStep, id: string, offset = 0): BacklogUpdate {
    return { event, cursor: { log: cursor.log, from, sweep: { to, place: { step, id, offset }, budget } } };
  }
}

/** Returns the mark at which the sweep from a cursor ends. */
export function targetOf(cursor: UpdateCursor, snapshot: Snapshot): Mark {
  return cursor.sweep?.to ?? snapshot.mark;
}

function plansOf({ changed, endedIds }: Snapshot, to: Mark): ChannelPlan[] {
  const known = new Set(changed.map(({ id }) => id));
  const ended = endedIds.filter((id) => !known.has(id));
  const nothing = { isMembershipChanged: true, isChannelChanged: false, isResync: false, gap: null };
  return [
    ...changed.map((channel) => planChannel(channel, to)),
    ...ended.map((channelId) => ({ channelId, ...nothing })),
  ].sort((a, b) => (a.channelId < b.channelId ? -1 : 1));
}

function isMatchChanged({ isMatchChanged, changed }: Snapshot): boolean {
  return isMatchChanged || changed.some(isMatchChange);
}

function changedUsers({ changed, isSelfChanged }: Snapshot, userId: string): string[] {
  const others = changed.flatMap(({ profiles }) => profiles);
  return [...new Set([...(isSelfChanged ? [userId] : []), ...others])].sort();
}

/** Groups channels whose first entries are read together. */
function* inGroups(plans: readonly ChannelPlan[]): Generator<ChannelPlan[]> {
  let group: ChannelPlan[] = [];
  let size = 0;
  for (const plan of plans) {
    group.push(plan);
    size += plan.gap ? Math.min(lengthOf(plan.gap), pageSize) : 0;
    if (size < pageSize) continue;
    yield group;
    [group, size] = [[], 0];
  }
  yield group;
}

/** Whether a step of a channel comes after the place where a sweep continues. A channel amid its messages may need a resync. */
function isAfter(step: SweepStep, channelId: string, start: SweepPlace | null): boolean {
  if (start === null || start.step === 'users' || channelId !== start.id) return true;
  return sweepSteps.indexOf(step) > sweepSteps.indexOf(start.step) || (step === 'messages' && start.offset > 0);
}
