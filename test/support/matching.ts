import { randomUUID } from 'node:crypto';
import { applyEvents } from '../../api/bridge/apply.ts';
import { createChangeset } from '../../api/bridge/changeset.ts';
import { createPublisher } from '../../api/bridge/publish.ts';
import type { Viewer } from '../../api/domain/auth.ts';
import { createMatching } from '../../api/domain/matching.ts';
import { createModeration } from '../../api/domain/moderation.ts';
import { noRateLimits, type RateLimits } from '../../api/domain/rate-limits.ts';
import { noSecurityLog } from '../../api/domain/security-log.ts';
import type { SharedTimer } from '../../api/domain/shared-timer.ts';
import { rejectionError, type Submit } from '../../api/domain/submit-event.ts';
import { UnavailableError } from '../../api/errors.ts';
import { channelEvent, type Logged } from '../../api/events.ts';
import type { Database } from '../../api/infra/database/database.ts';
import { readOutcomes } from '../../api/infra/database/outcomes.ts';
import { createMemoryPubSub } from '../../api/infra/pubsub/memory.ts';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';
import { createMemoryState } from '../../api/infra/state/memory.ts';
import type { State } from '../../api/infra/state/state.ts';
import type { UserSignals } from '../../api/live/user-signals.ts';
import { createLogger } from '../../api/logger.ts';
import { openMemoryDatabase } from './database.ts';
import { createTestUserSignals } from './signals.ts';

/** Fault of the next event: it is lost, or applied without a response. */
type SubmitFault = 'lost' | 'unheard';

/** One side of a pair, as stored in the database. */
export interface ClaimRow {
  ticketId: string;
  userId: string;
  partnerId: string;
  channelId: string;
  lasts: boolean;
}

/** Parts of a gateway that replace the shared ones. */
interface GatewayOptions {
  database?: Database;
  state?: State;
  pubsub?: PubSub;
  userSignals?: UserSignals;
  submit?: Submit;
  times?: Partial<typeof calmTimes>;
  rateLimits?: RateLimits;
  timer?: SharedTimer;
}

/** Times long enough that no periodic look-up runs during a test. */
const calmTimes = { leaseMs: 60_000, relaxMs: 5_000, absenceMs: 60_000 };
const logger = createLogger('silent');

/**
 * Creates the surroundings of matching: a clock that only the test moves, state that can be lost, a bridge that applies
 * each event when it is submitted, and users.
 */
export async function createMatchingWorld() {
  const database = await openMemoryDatabase();
  const pubsub = createMemoryPubSub({ logger });
  const faults: SubmitFault[] = [];
  const clock = { now: Date.now() };
  let memory = createMemoryState({ now: () => clock.now });
  let offset = 0;
  const publisher = createPublisher({ pubsub, metrics: { publishFailed: () => {} }, logger });

  const submit: Submit = async (draft) => {
    const fault = faults.shift();
    if (fault === 'lost') throw new UnavailableError('lost');
    const place = { partition: 0, offset: offset++ };
    const facts = { eventId: randomUUID(), gatewayId: 'one', at: new Date().toISOString() };
    const event: Logged = { ...channelEvent.parse({ ...draft, ...facts }), ...place };
    let applied = createChangeset();
    await database.transaction(async (query) => {
      applied = await applyEvents(query, [event], await readOutcomes(query, [event.eventId]));
    });
    publisher.publish(applied);
    if (fault === 'unheard') throw new UnavailableError('unheard');
    const outcome = applied.outcomes[0]?.outcome;
    if (!outcome?.applied) throw outcome ? rejectionError(outcome.rejection) : new Error('an event has an outcome');
    return outcome.entry;
  };

  const state: State = {
    tickets: {
      enter: (ticket, times, nodeId) => memory.tickets.enter(ticket, times, nodeId),
      unfollow: (nodeId, userIds, returnMs) => memory.tickets.unfollow(nodeId, userIds, returnMs),
      find: (userIds) => memory.tickets.find(userIds),
      leave: (userId) => memory.tickets.leave(userId),
      acknowledge: (ticketIds) => memory.tickets.acknowledge(ticketIds),
    },
    presence: {
      renew: (nodeId, userIds, leaseMs) => memory.presence.renew(nodeId, userIds, leaseMs),
      end: (nodeId, userIds) => memory.presence.end(nodeId, userIds),
      online: (userIds) => memory.presence.online(userIds),
      away: (userIds) => memory.presence.away(userIds),
      seen: (userId) => memory.presence.seen(userId),
    },
    limits: { take: (key, rate, points) => memory.limits.take(key, rate, points) },
    persistedQueries: {
      find: (hash) => memory.persistedQueries.find(hash),
      add: (hash, text) => memory.persistedQueries.add(hash, text),
    },
    ready: () => memory.ready(),
    stop: () => memory.stop(),
  };

  return {
    database,
    pubsub,
    state,
    clock,
    submit,
    /** Faults of the next submitted events, in order. Events succeed once it is empty. */
    faults,
    loseState(): void {
      memory = createMemoryState({ now: () => clock.now });
    },
    /** Creates the matching of a gateway. Periodic look-ups only run if `times` says so. */
    gateway: (options: GatewayOptions = {}) =>
      createMatching({
        userSignals: createTestUserSignals(options.pubsub ?? pubsub),
        database,
        state,
        pubsub,
        nodeId: randomUUID(),
        moderation: createModeration({
          database,
          blocks: { publishChange: async () => {} },
          rateLimits: noRateLimits,
          securityLog: noSecurityLog,
        }),
        submit,
        rateLimits: noRateLimits,
        logger,
        ...options,
        times: { ...calmTimes, ...options.times },
      }),
    /** Creates users in the database, and returns them as viewers. */
    async users(count: number): Promise<Viewer[]> {
      const viewers = Array.from({ length: count }, (_, n) => ({
        userId: randomUUID(),
        sessionId: randomUUID(),
        name: `user ${n}`,
        createdAt: '2026-01-01T00:00:00.000Z',
        expiresAt: Number.MAX_SAFE_INTEGER,
      }));
      await database.query(
        'INSERT INTO users (id, name, created_at) SELECT id, name, $2 FROM jsonb_to_recordset($1::jsonb) AS u(id uuid, name text)',
        [JSON.stringify(viewers.map(({ userId, name }) => ({ id: userId, name }))), '2026-01-01T00:00:00.000Z'],
      );
      return viewers;
    },
    /** Reads every claim of these users, oldest first. */
    claims: (viewers: readonly Viewer[]): Promise<ClaimRow[]> =>
      database.query(
        `SELECT ticket_id AS "ticketId", user_id AS "userId", partner_id AS "partnerId", channel_id AS "channelId",
           ended_at IS NULL AS lasts FROM match_claim WHERE user_id = ANY($1::uuid[]) ORDER BY claimed_at, user_id`,
        [viewers.map(({ userId }) => userId)],
      ),
    async stop(): Promise<void> {
      await publisher.stop();
      await pubsub.stop();
      await database.stop();
    },
  };
}

export type MatchingWorld = Awaited<ReturnType<typeof createMatchingWorld>>;
