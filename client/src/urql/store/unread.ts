/** Number of unread messages of a channel, and the part of them that mention the viewer. */
export interface UnreadCounts {
  unread: number;
  mentions: number;
}

/** The part of a message that the unread count depends on. */
export interface Countable {
  seq: number;
  position: number;
  /** True unless it is deleted, the viewer's own, or tells of a join or a departure. */
  counts: boolean;
  mentionsViewer: boolean;
}

/**
 * The unread messages of a channel: the server's count of those up to `upTo`, and later ones one by one. So an update may
 * come twice, or after a page that includes it, and the count stays right.
 */
export interface UnreadTally {
  readonly seenSeq: number;
  readonly upTo: number;
  readonly counted: UnreadCounts;
  readonly later: ReadonlyMap<number, Countable>;
}

/** Number of later messages that are kept one by one. Beyond it, the oldest one becomes part of the count. */
const maxLater = 500;

/** Creates a tally from the server's counts of the messages up to `upTo`; keeps later ones of an earlier tally. */
export function countUpTo(upTo: number, seenSeq: number, counted: UnreadCounts, earlier?: UnreadTally): UnreadTally {
  const later = [...(earlier?.later ?? [])].filter(([seq]) => seq > upTo);
  return { seenSeq, upTo, counted, later: new Map(later) };
}

/** Adds a message, or replaces an older state of it. */
export function countMessage(tally: UnreadTally, message: Countable): UnreadTally {
  const known = tally.later.get(message.seq);
  if (message.seq <= tally.upTo || (known && known.position >= message.position)) return tally;
  return shorten({ ...tally, later: new Map(tally.later).set(message.seq, message) });
}

/** Moves the seen mark forward, before the server confirms it. */
export function markSeenUpTo(tally: UnreadTally, seq: number): UnreadTally {
  if (seq <= tally.seenSeq) return tally;
  const counted = seq >= tally.upTo ? { unread: 0, mentions: 0 } : tally.counted;
  return { ...tally, seenSeq: seq, counted };
}

/** Returns the numbers to show. */
export function unreadCounts({ seenSeq, counted, later }: UnreadTally): UnreadCounts {
  const unread = [...later.values()].filter(({ seq, counts }) => counts && seq > seenSeq);
  const mentions = unread.filter(({ mentionsViewer }) => mentionsViewer);
  return { unread: counted.unread + unread.length, mentions: counted.mentions + mentions.length };
}

/** Returns whether a message that was deleted may be part of the server's count, so that the count must be loaded again. */
export function isCountStale({ seenSeq, upTo }: UnreadTally, { seq, counts }: Countable): boolean {
  return !counts && seq > seenSeq && seq <= upTo;
}

function shorten(tally: UnreadTally): UnreadTally {
  if (tally.later.size <= maxLater) return tally;
  const oldest = Math.min(...tally.later.keys());
  const rest = new Map(tally.later);
  rest.delete(oldest);
  const { unread, mentions } = unreadCounts({
    ...tally,
    later: new Map([...tally.later].filter(([seq]) => seq === oldest)),
  });
  return { ...tally, upTo: oldest, counted: { unread, mentions }, later: rest };
}
