import type { LRUCache } from 'lru-cache';
import { DatabaseUnavailableError } from '../infra/database/database.ts';
import { bytesOf, createFrames, type Frames, portions } from './frames.ts';
import type { Backlog, LiveSource, Positioned, Reader } from './live-source.ts';
import type { Outbox } from './outbox/outboxes.ts';
import { filterForReader } from './reader-filter.ts';

/**
 * Makes the payloads of `next` messages, as JSON.
 * @param viewer for whom alone; otherwise for all who follow alike
 * @returns one for each item; null where something that is needed is away just now
 */
export type MakePayloads<Item> = (items: readonly Item[], viewer?: object | null) => Promise<readonly Buffer[] | null>;

/** Where what a reader gets is to go. */
export interface Sink {
  outbox: Outbox;
  /** The operation's id, as JSON. */
  idJson: string;
  /** Who reads, as `MakePayloads` knows them. */
  viewer: object | null;
}

interface Seat<Item extends Positioned> extends Sink {
  reader: Reader<Item>;
  /** It has got all up to here. */
  position: number;
  /** Calls back when it ends: with an error, or because the peer wants no more. */
  onEnd: ((error?: Error) => void) | null;
}

/** What an audience counts. */
export interface AudienceMetrics {
  executed(items: number): void;
  delivered(items: number): void;
}

/** Payloads that were made for backlogs, of all audiences of this node, by audience and positions; bounded in bytes. */
export type Kept = LRUCache<string, Promise<readonly Buffer[]>>;

/** Does work for one outbox after what was to be done for it before. */
export type InTurn = <Result>(outbox: Outbox, work: () => Promise<Result>) => Promise<Result>;

/** How many items are made together at most, and how many for the beginning of a backlog. */
const pageSize = 100;
const firstPageSize = 25;
/** What a page of a backlog is to take, in bytes: as many items as fit by the size of those before. */
const pageBytes = 262_144;
/** How much of a page is given to a socket at a time, in bytes. */
const portionBytes = 65_536;
const retryMs = 500;
let audienceCount = 0;

/**
 * Those who follow the same source by the same selection: each item is executed and framed once, for all of them. Whoever
 * joins gets a backlog first, and then, between two items, takes a seat among those who are up to date.
 * @param options.onEmpty called when the last one has left
 */
export function createAudience<Item extends Positioned>(options: {
  source: LiveSource<Item>;
  make: MakePayloads<Item>;
  kept: Kept;
  inTurn: InTurn;
  metrics: AudienceMetrics;
  onEmpty(): void;
}) {
  const { source, make, kept, inTurn, metrics, onEmpty } = options;
  const name = `${audienceCount++}:`;
  /** Those who are up to date. */
  const seats = new Set<Seat<Item>>();
  let size = 0;
  /** All seats have got all up to here. */
  let position = 0;
  let isAdvancing = false;
  const unlisten = source.listen(() => void advance());

  async function advance(): Promise<void> {
    if (isAdvancing) return;
    isAdvancing = true;
    try {
      while (seats.size > 0 && source.last() > position) await deliver(await after(position, pageSize));
      if (seats.size > 0) source.since(position);
    } catch (error) {
      for (const seat of [...seats]) leave(seat, asError(error));
    } finally {
      isAdvancing = false;
    }
  }

  async function deliver({ entries: items, through }: Backlog<Item>): Promise<void> {
    const payloads = items.length > 0 ? await makeUntilDone(items) : [];
    const frames = createFrames(payloads);
    for (const seat of seats) {
      if (seat.position < through) give(seat, { items, payloads, frames, through });
    }
    position = through;
  }

  function give(seat: Seat<Item>, { items, payloads, frames, through }: Made<Item>): void {
    const { chosen, alone, error } = filterForReader(seat, items, payloads);
    if (alone.length > 0) {
      fallBehind(seat);
      return;
    }
    if (chosen.length > 0) {
      const make = chosen.length === items.length ? frames : createFrames(chosen);
      seat.outbox.add(make(seat.idJson), source.kind);
      metrics.delivered(chosen.length);
    }
    seat.position = through;
    if (error) leave(seat, error);
  }

  /** What is to be made for one alone takes its time: that one gets it as a backlog, and then takes its seat again. */
  function fallBehind(seat: Seat<Item>): void {
    seats.delete(seat);
    void catchUp(seat);
  }

  /** What comes after a position, so many items at most; it is waited for while the database is away. */
  async function after(from: number, most: number): Promise<Backlog<Item>> {
    for (;;) {
      const held = source.since(from, most);
      if (held) return held;
      try {
        return await source.read(from, most);
      } catch (error) {
        if (!(error instanceof DatabaseUnavailableError)) throw error;
      }
      await pause(retryMs);
      if (size === 0) return { entries: [], through: from, more: false };
    }
  }

  async function makeUntilDone(items: readonly Item[], viewer?: object | null): Promise<readonly Buffer[]> {
    for (;;) {
      const payloads = await make(items, viewer);
      metrics.executed(items.length);
      if (payloads) return payloads;
      await pause(retryMs);
      if (size === 0) return [];
    }
  }

  /** The same for a backlog, of which others may want the same. */
  function makeOrRecall(items: readonly Item[]): Promise<readonly Buffer[]> {
    // What the source holds and what the database answers may differ in what lies between two positions.
    const key = `${name}${items.map(({ position }) => position)}`;
    const present = kept.get(key);
    if (present) return present;
    const making = makeUntilDone(items);
    kept.set(key, making, { size: 1 });
    making.then(
      (payloads) => kept.peek(key) === making && kept.set(key, making, { size: key.length + bytesOf(payloads) }),
      () => kept.delete(key),
    );
    return making;
  }

  /** Sends what a seat has not got yet, at the pace of its peer, and lets it take its place when that is all. */
  async function catchUp(seat: Seat<Item>): Promise<void> {
    let most = firstPageSize;
    try {
      while (seat.onEnd) {
        // It throws what ended the source, which nobody here listened for meanwhile.
        source.since(seat.position, 0);
        if (source.last() <= seat.position) return sit(seat);
        most = await inTurn(seat.outbox, () => sendPage(seat, most));
      }
    } catch (error) {
      leave(seat, asError(error));
    }
  }

  /** @returns how many items the next page is to have */
  async function sendPage(seat: Seat<Item>, most: number): Promise<number> {
    if (!seat.onEnd) return most;
    const { entries, through } = await after(seat.position, most);
    const bytes = entries.length > 0 ? await sendBacklog(seat, entries) : 0;
    seat.position = Math.max(seat.position, through);
    const growth = Math.min(2, pageBytes / Math.max(1, bytes));
    return Math.min(pageSize, Math.max(1, Math.floor(most * growth)));
  }

  /** @returns how many bytes were made */
  async function sendBacklog(seat: Seat<Item>, items: readonly Item[]): Promise<number> {
    const payloads = [...(await makeOrRecall(items))];
    const { alone } = filterForReader(seat, items, payloads);
    const own = alone.length > 0 ? await makeUntilDone(alone, seat.viewer) : [];
    for (const [n, item] of alone.entries()) payloads[items.indexOf(item)] = own[n] ?? Buffer.alloc(0);
    const { chosen, error } = filterForReader(seat, items, payloads);
    for (const portion of portions(chosen, portionBytes)) {
      if (!seat.onEnd) break;
      metrics.delivered(portion.length);
      await seat.outbox.send(createFrames(portion)(seat.idJson), 'backlog');
    }
    if (error) throw error;
    return bytesOf(payloads);
  }

  function sit(seat: Seat<Item>): void {
    if (!seat.onEnd) return;
    // Whoever read the database, or asked where the channel stands, may be above what the source has heard of.
    position = seats.size === 0 && !isAdvancing ? seat.position : Math.min(position, seat.position);
    seats.add(seat);
  }

  function leave(seat: Seat<Item>, error?: Error): void {
    const { onEnd } = seat;
    if (onEnd === null) return;
    seat.onEnd = null;
    seats.delete(seat);
    size--;
    if (size === 0) {
      unlisten();
      onEmpty();
    }
    onEnd(error);
  }

  return {
    size: () => size,
    /**
     * @param onEnd called once: with an error where that is how it ends
     * @returns ends it, when the peer wants no more
     */
    join(reader: Reader<Item>, sink: Sink, onEnd: (error?: Error) => void): () => void {
      const seat: Seat<Item> = { ...sink, reader, position: reader.position, onEnd };
      size++;
      void catchUp(seat);
      return () => leave(seat);
    },
  };
}

export type Audience<Item extends Positioned> = ReturnType<typeof createAudience<Item>>;

/** What is delivered live, as it is for all who follow alike. */
interface Made<Item> {
  items: readonly Item[];
  through: number;
  payloads: readonly Buffer[];
  frames: Frames;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
