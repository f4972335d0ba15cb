import type { Hold } from '../signal-publisher.ts';

/** Events of one partition, applied one after another, whose signals are being published. */
interface Portion extends Hold {
  /** Offset after the last of them. */
  next: number;
  /** Number of their signals that are not published yet. */
  open: number;
}

interface Progress {
  /** Offset up to which every signal was published; -1 before the first. */
  through: number;
  /** Offset of the next event, as far as this bridge has applied the partition. */
  next: number;
  /** The events that are next to be covered by `through`, and those after them. */
  first: Portion;
  last: Portion;
}

/**
 * Tells up to which offset of each partition all signals were published, in constant memory for each partition: events are
 * taken together while signals of earlier ones are under way.
 * @param options.onGivenUp called with a partition of which a signal was given up
 */
export function createSignalProgress(options: { onGivenUp(partition: number): void }) {
  const partitions = new Map<number, Progress>();

  return {
    /** Starts a partition at the offset of the next event. Until the hold is released, its `through` is -1. */
    begin(partition: number, next: number): Hold {
      const present = partitions.get(partition);
      const isHeld = present !== undefined && present.through < 0 && present.first.open > 0;
      const first = isHeld ? beginAgain(present, next) : createPortion(partition, next);
      if (!isHeld) partitions.set(partition, { through: -1, next, first, last: first });
      first.open++;
      return first;
    },
    /**
     * Notes that a partition was applied up to an offset.
     * @returns false if others applied events since this bridge did: their signals may be missing
     */
    move(partition: number, from: number, next: number): boolean {
      const progress = partitions.get(partition);
      if (progress?.next !== from) return false;
      progress.next = next;
      progress.last.next = next;
      return true;
    },
    /** Returns the hold for a signal of the events that were applied last; undefined for a partition that has not begun. */
    hold(partition: number): Hold | undefined {
      const portion = partitions.get(partition)?.last;
      if (portion) portion.open++;
      return portion;
    },
    /** Must be called after the last signal of the events that were applied together. */
    close(partition: number): void {
      const progress = partitions.get(partition);
      if (progress) settle(partition, progress);
    },
    /** Returns the offset of the next event; 0 for a partition that has not begun. */
    next: (partition: number) => partitions.get(partition)?.next ?? 0,
    /** Returns the offset up to which all signals of a partition were published; -1 if that is not known. */
    through: (partition: number) => partitions.get(partition)?.through ?? -1,
  };

  /** Keeps the portions: new ones, with each signal that is given up while pubsub is away, would add up. */
  function beginAgain(progress: Progress, next: number): Portion {
    progress.next = next;
    progress.first.next = Math.min(progress.first.next, next);
    progress.last.next = next;
    return progress.first;
  }

  function createPortion(partition: number, next: number): Portion {
    const portion: Portion = {
      next,
      open: 0,
      release() {
        portion.open--;
        const progress = partitions.get(partition);
        if (portion.open === 0 && progress?.first === portion) settle(partition, progress);
      },
      giveUp: () => options.onGivenUp(partition),
    };
    return portion;
  }

  function settle(partition: number, progress: Progress): void {
    while (progress.first.open === 0) {
      progress.through = Math.max(progress.through, progress.first.next - 1);
      if (progress.first === progress.last) break;
      progress.first = progress.last;
    }
    if (progress.first === progress.last) progress.last = createPortion(partition, progress.next);
  }
}
