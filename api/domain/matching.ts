import { randomUUID } from 'node:crypto';
import { BadUserInputError, type FieldProblem, RateLimitedError, UnavailableError } from '../errors.ts';
import { type MatchEndReason, matchTopic } from '../events.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { State, Ticket, TicketState } from '../infra/state/state.ts';
import { createStream } from '../live/stream.ts';
import type { Logger } from '../logger.ts';
import type { Viewer } from './auth.ts';
import { type Claim, createMatchClaims, type MatchClaimOptions } from './match-claims.ts';
import type { Moderation } from './moderation.ts';
import { textProblem } from './text.ts';

/** A user's match, or place in the queue. */
export interface MatchView {
  /** Of the ticket: one through waiting, matched and ended. */
  id: string;
  status: 'WAITING' | 'MATCHED' | 'ENDED';
  /** While waiting: when the place ends unless it is renewed. */
  expiresAt: Date | null;
  channelId: string | null;
  partnerId: string | null;
  endReason: MatchEndReason | null;
}

/** Whom somebody wants to meet. */
export interface Wishes {
  tags: readonly string[];
  strict: boolean;
}

/** In milliseconds. */
export interface MatchTimes {
  /** How long a place in the queue lasts unless it is renewed. */
  leaseMs: number;
  /** After which wait anyone will do. */
  relaxMs: number;
  /** How long one may stay away from a match before it ends. */
  absenceMs: number;
}

/** What one follower knows: what was told last, and the ticket that it renews. */
interface Known {
  told: MatchView | null;
  ticket: Ticket | null;
}

const maxTags = 10;
const maxTagLength = 30;
/** How often one call takes a place again because a pair did not hold. */
const maxTries = 5;
const rate = { points: 60, windowMs: 60_000 };

/**
 * Finding a stranger. A place in the queue is a lease, renewed by calling again or by following; a match is a claim in
 * the database, so that losing all of the queue makes no double match.
 */
export function createMatching(
  options: MatchClaimOptions & {
    state: State;
    pubsub: PubSub;
    moderation: Pick<Moderation, 'eitherWay'>;
    times: MatchTimes;
    rateLimits: boolean;
    logger: Logger;
  },
) {
  const { state, pubsub, moderation, times, rateLimits, logger } = options;
  const pairing = createMatchClaims(options);
  const { tickets, presence, limits } = state;

  /** Takes or renews a place, or finds the match that it comes to. */
  async function enter(wanted: Ticket): Promise<MatchView> {
    let ticket = wanted;
    for (let tries = 0; tries < maxTries; tries++) {
      const entered = await tickets.enter(ticket, times).catch(stateAway);
      const view = await comeTo(ticket, entered);
      if (view) return view;
      // Who cannot be claimed now, or was blocked meanwhile, would be found again.
      if (entered.status === 'paired') ticket = { ...ticket, avoid: [...ticket.avoid, entered.partner.userId] };
    }
    throw new UnavailableError('No place in the queue could be had just now: try again.');
  }

  /** What entering came to; null when the pair did not hold, so that the place is to be taken again. */
  async function comeTo(own: Ticket, entered: TicketState): Promise<MatchView | null> {
    switch (entered.status) {
      case 'waiting':
        return confirm(entered.ticket, entered.expiresAt);
      case 'left':
        return left(own);
      case 'paired': {
        await pairing.claim(entered.ticket, entered.partner);
        await settle(entered.ticket, entered.partner);
        const claim = await pairing.latest(own.userId);
        if (claim?.ticketId === entered.ticket.id) return (await lasting(claim)) ?? viewOf(claim);
        await tell(entered.partner.userId);
        return lasting(claim);
      }
      default:
        throw new Error(`unknown state ${JSON.stringify(entered satisfies never)}`);
    }
  }

  /** A place is none when its user was matched while it was taken. */
  async function confirm(ticket: Ticket, expiresAt: number): Promise<MatchView | null> {
    const claim = await pairing.latest(ticket.userId);
    if (claim?.endReason !== null) return waiting(ticket, expiresAt);
    await tickets.leave(ticket.userId).catch(stateAway);
    return lasting(claim);
  }

  async function settle(...paired: Ticket[]): Promise<void> {
    await tickets
      .settle(paired.map(({ id }) => id))
      .catch((error: unknown) => logger.warn({ error }, 'a pair was not settled; it is forgotten by itself'));
  }

  /** The match of a claim that lasts, made whole where a crash left it half made, ended where the partner stayed away. */
  async function lasting(claim: Claim | null): Promise<MatchView | null> {
    if (claim === null || claim.endReason !== null) return null;
    if (!claim.opened) await pairing.openChannel(claim);
    else if (await isDeserted(claim)) {
      await pairing.end(claim, { leaverId: claim.partnerId, gone: true });
      return viewOf(await pairing.byTicket(claim.userId, claim.ticketId));
    }
    return viewOf(claim);
  }

  async function isDeserted({ partnerId }: Claim): Promise<boolean> {
    try {
      return ((await presence.away([partnerId])).get(partnerId) ?? 0) > times.absenceMs;
    } catch (error) {
      logger.warn({ error }, 'presence is not known: nobody counts as absent');
      return false;
    }
  }

  async function current(userId: string): Promise<MatchView | null> {
    const match = await lasting(await pairing.latest(userId));
    if (match) return unlessEnded(match);
    const place = await tickets.find(userId).catch(stateAway);
    if (place?.status === 'waiting') return waiting(place.ticket, place.expiresAt);
    // What was a place a moment ago may be a match by now, or about to be one.
    return unlessEnded(place ? await comeTo(place.ticket, place) : await lasting(await pairing.latest(userId)));
  }

  /** Takes the place away, and answers it; one that was paired already becomes a match first. */
  async function leaveQueue(userId: string): Promise<Ticket | null> {
    const ticket = await tickets.leave(userId).catch(stateAway);
    const place = ticket === null ? await tickets.find(userId).catch(stateAway) : null;
    if (place?.status === 'paired') {
      await pairing.claim(place.ticket, place.partner);
      await settle(place.ticket, place.partner);
    }
    return ticket;
  }

  return {
    /** Joins the queue, or answers the viewer's present match or place; the place is renewed and takes these wishes. */
    async match({ userId }: Viewer, wishes: Wishes): Promise<MatchView> {
      const tags = readTags(wishes.tags);
      await limit(userId);
      const latest = await pairing.latest(userId);
      const match = await lasting(latest);
      if (match && match.status !== 'ENDED') return match;
      const place = await tickets.find(userId).catch(stateAway);
      const id = place?.status === 'waiting' ? place.ticket.id : randomUUID();
      const avoid = [...(latest === null ? [] : [latest.partnerId]), ...(await moderation.eitherWay(userId))];
      const ticket = { id, userId, tags, strict: wishes.strict, avoid };
      const entered = await enter(ticket);
      // What was found may have ended meanwhile: then the call asks for a new one.
      const view = entered.status === 'ENDED' ? await enter({ ...ticket, id: randomUUID() }) : entered;
      if (view.status === 'WAITING') await tell(userId);
      return view;
    },

    /** Leaves the queue or the match; null when there is neither. */
    async unmatch({ userId }: Viewer): Promise<MatchView | null> {
      // A match is in the database: it can be left while the queue is away.
      const [leaving] = await Promise.allSettled([leaveQueue(userId)]);
      const claim = await pairing.latest(userId);
      if (claim?.endReason === null) {
        if (!claim.opened) await pairing.openChannel(claim);
        await pairing.end(claim, { leaverId: userId, gone: false });
        return viewOf(await pairing.byTicket(userId, claim.ticketId));
      }
      if (leaving.status === 'rejected') throw leaving.reason;
      if (leaving.value === null) return null;
      await tell(userId);
      return left(leaving.value);
    },

    /** The viewer's match or place; null when there is neither. */
    current: ({ userId }: Viewer): Promise<MatchView | null> => current(userId),

    /** The viewer's match or place with this id; null when it is neither. */
    async byTicket({ userId }: Viewer, ticketId: string): Promise<MatchView | null> {
      const claim = await pairing.byTicket(userId, ticketId);
      if (claim) return viewOf(claim);
      const place = await tickets.find(userId).catch(stateAway);
      return place?.status === 'waiting' && place.ticket.id === ticketId
        ? waiting(place.ticket, place.expiresAt)
        : null;
    },

    /** The viewer's present state at once, then every change. It renews the place; live when this resolves. */
    async follow({ userId }: Viewer): Promise<AsyncIterableIterator<MatchView | null>> {
      const alarm = createAlarm(times.leaseMs / 3);
      const unsubscribe = await pubsub.subscribe(matchTopic(userId), alarm.ring);
      return createStream(
        (signal) => changes(userId, alarm, signal),
        () => void unsubscribe(),
      );
    },
  };

  async function* changes(userId: string, alarm: Alarm, signal: AbortSignal) {
    const known: Known = { told: await current(userId), ticket: null };
    if (known.told?.status === 'WAITING') alarm.ring();
    yield known.told;
    for (;;) {
      await alarm.wait(signal);
      if (signal.aborted) return;
      const view = await look(userId, known);
      if (view === null || isSame(view, known.told)) continue;
      known.told = view;
      if (view.status === 'ENDED') alarm.ring();
      yield view;
    }
  }

  /** What there is to tell now, the end of what was told before anything newer; null when nothing is known. */
  async function look(userId: string, known: Known): Promise<MatchView | null> {
    try {
      const latest = await pairing.latest(userId);
      return (await endOf(known.told, userId, latest)) ?? (await lasting(latest)) ?? (await renew(userId, known));
    } catch (error) {
      if (!(error instanceof UnavailableError)) logger.error({ error }, 'a match could not be looked up');
      return null;
    }
  }

  async function endOf(told: MatchView | null, userId: string, latest: Claim | null): Promise<MatchView | null> {
    if (told === null || told.status === 'ENDED') return null;
    const isLatest = told.id === latest?.ticketId;
    const claim = isLatest || told.status === 'WAITING' ? latest : await pairing.byTicket(userId, told.id);
    return claim?.ticketId === told.id && claim.endReason !== null ? viewOf(claim) : null;
  }

  /** Keeps the place; where state was emptied, the same ticket takes it anew. */
  async function renew(userId: string, known: Known): Promise<MatchView | null> {
    const place = await tickets.find(userId).catch(stateAway);
    if (place !== null) known.ticket = place.ticket;
    else if (known.told?.status !== 'WAITING') known.ticket = null;
    return known.ticket && enter(known.ticket);
  }

  async function limit(userId: string): Promise<void> {
    if (!rateLimits) return;
    const retryAfterMs = await limits.take(`match:${userId}`, rate).catch(stateAway);
    if (retryAfterMs > 0) throw new RateLimitedError('Too many tries: wait a little.', retryAfterMs);
  }

  async function tell(userId: string): Promise<void> {
    await pubsub.publish(matchTopic(userId), null).catch((error: unknown) => {
      logger.warn({ error }, 'a change of a match was not signalled; it is found at the next look-up');
    });
  }
}

export type Matching = ReturnType<typeof createMatching>;

/** A wait that lasts a while at most, and ends at once when it rings. */
interface Alarm {
  ring(): void;
  wait(signal: AbortSignal): Promise<void>;
}

function createAlarm(ms: number): Alarm {
  let rung = false;
  let wake = () => {};
  return {
    ring() {
      rung = true;
      wake();
    },
    async wait(signal) {
      if (!rung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
          signal.addEventListener('abort', wake, { once: true });
        });
        signal.removeEventListener('abort', wake);
      }
      rung = false;
    },
  };
}

const nothing = { expiresAt: null, channelId: null, partnerId: null, endReason: null };

function waiting({ id }: Ticket, expiresAt: number): MatchView {
  return { ...nothing, id, status: 'WAITING', expiresAt: new Date(expiresAt) };
}

function unlessEnded(view: MatchView | null): MatchView | null {
  return view?.status === 'ENDED' ? null : view;
}

function left({ id }: Ticket): MatchView {
  return { ...nothing, id, status: 'ENDED', endReason: 'LEFT' };
}

function viewOf(claim: Claim): MatchView;
function viewOf(claim: Claim | null): MatchView | null;
function viewOf(claim: Claim | null): MatchView | null {
  if (claim === null) return null;
  const { ticketId: id, channelId, partnerId, endReason } = claim;
  return { id, status: endReason === null ? 'MATCHED' : 'ENDED', expiresAt: null, channelId, partnerId, endReason };
}

function isSame(a: MatchView, b: MatchView | null): boolean {
  return a.id === b?.id && a.status === b.status;
}

function readTags(tags: readonly string[]): string[] {
  const read = tags.map((tag) => tag.normalize('NFKC').trim().toLowerCase());
  const problems = read.flatMap((tag, n): FieldProblem[] => {
    const { length } = [...tag];
    const fits = length >= 1 && length <= maxTagLength;
    const message = fits ? textProblem(tag) : `takes 1 to ${maxTagLength} characters`;
    return message ? [{ path: `input.tags.${n}`, message }] : [];
  });
  if (tags.length > maxTags) problems.push({ path: 'input.tags', message: `takes at most ${maxTags} tags` });
  if (problems.length > 0) throw new BadUserInputError(problems);
  return [...new Set(read)];
}

function stateAway(error: unknown): never {
  throw new UnavailableError('The queue cannot be reached just now: try again in a moment.', { cause: error });
}
