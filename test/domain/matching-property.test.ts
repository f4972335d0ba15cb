import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Viewer } from '../../api/domain/auth.ts';
import type { MatchView } from '../../api/domain/match-view.ts';
import type { Matching } from '../../api/domain/matching.ts';
import { UnavailableError } from '../../api/errors.ts';
import { type Database, DatabaseUnavailableError } from '../../api/infra/database/database.ts';
import { type ClaimRow, createMatchingWorld, type MatchingWorld } from '../support/matching.ts';

/** One step of a run: a call, a fault, or time that passes. */
type Step =
  | { kind: 'match'; who: number; tags: string[]; strict: boolean }
  | { kind: 'unmatch' | 'current'; who: number }
  | { kind: 'wait'; ms: number }
  | { kind: 'loseState' | 'loseEvent' | 'loseOutcome' | 'crashAtClaim' };
type Call = Extract<Step, { who: number }>;

const userCount = 5;
const leaseMs = 60_000;
/** Maximum number of milliseconds for which an unclaimed pair is remembered. */
const pairedMs = 10_000;

const who = fc.nat({ max: userCount - 1 });
const tags = fc.subarray(['chess', 'go']);
const call: fc.Arbitrary<Call> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('match' as const), who, tags, strict: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('unmatch' as const, 'current' as const), who }) },
);
const event: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1_000, 6_000, 20_000, leaseMs) }),
  fc.record({ kind: fc.constantFrom('loseState', 'loseEvent', 'loseOutcome', 'crashAtClaim') }),
);
/** Calls that are under way at the same time, or one event. */
const round = fc.oneof(
  { weight: 3, arbitrary: fc.array(call, { minLength: 1, maxLength: 4 }) },
  { weight: 1, arbitrary: fc.tuple(event) },
);

let world: MatchingWorld;
beforeAll(async () => {
  world = await createMatchingWorld();
});
afterAll(() => world.stop());

it('makes only complete matches, of two users who were waiting and had not met, in any interleaving', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(round, { maxLength: 12 }), async (scheduler, rounds) => {
      const run = await begin(scheduler);
      for (const steps of rounds) {
        await scheduler.waitFor(Promise.all(steps.map(run.take)));
        await run.check(steps);
      }
      await run.checkHealed();
    }),
    { numRuns: 400 },
  ));

/** Begins a run with new users and an empty queue, and keeps the facts that its checks compare with. */
async function begin(scheduler: fc.Scheduler) {
  const viewers = await world.users(userCount);
  const ids = new Set(viewers.map(({ userId }) => userId));
  const askedAt = new Map<string, number>();
  const known = new Set<string>();
  /** Users who left in this round. */
  const left: string[] = [];
  const crashes = { next: false };
  const gateway = world.gateway({
    database: interleaved(scheduler, world.database, crashes),
    state: { ...world.state, tickets: interleavedTickets(scheduler) },
    submit: scheduler.scheduleFunction(heard(world.submit)),
  });
  world.loseState();
  world.faults.length = 0;

  function take(step: Step): Promise<void> | void {
    switch (step.kind) {
      case 'match':
      case 'unmatch':
      case 'current':
        return ask(step);
      case 'wait':
        world.clock.now += step.ms;
        return;
      case 'loseState':
        return world.loseState();
      case 'loseEvent':
        world.faults.push('lost');
        return;
      case 'loseOutcome':
        world.faults.push('unheard');
        return;
      case 'crashAtClaim':
        crashes.next = true;
        return;
      default:
        throw new Error(`unknown step ${JSON.stringify(step satisfies never)}`);
    }
  }

  async function ask(step: Call): Promise<void> {
    const viewer = some(viewers[step.who]);
    if (step.kind === 'match') askedAt.set(viewer.userId, world.clock.now);
    const result = await resultOf(gateway, viewer, step);
    if (result?.status === 'MATCHED') await expectComplete(result, viewer);
    if (step.kind === 'unmatch' && result !== undefined) left.push(viewer.userId);
  }

  return {
    take,

    /** Checks that matches are complete, of two users who wanted one, and that users who left have none. */
    async check(steps: readonly Step[]): Promise<void> {
      const all = await world.claims(viewers);
      for (const claim of all) expectMirrored(claim, all);
      for (const { ticketId, userId } of all.filter((claim) => !known.has(claim.ticketId))) {
        known.add(ticketId);
        const age = world.clock.now - (askedAt.get(userId) ?? Number.NEGATIVE_INFINITY);
        expect(age, 'a user was matched after vanishing or leaving').toBeLessThan(leaseMs + pairedMs);
      }
      for (const userId of ids) expectOneAtATime(all.filter((claim) => claim.userId === userId));
      for (const userId of left.splice(0)) {
        if (steps.some((step) => step.kind === 'match' && viewers[step.who]?.userId === userId)) continue;
        askedAt.delete(userId);
        expect(all.filter((claim) => claim.userId === userId && claim.lasts)).toEqual([]);
      }
    },

    /** Checks that, without further faults, each user who asks has a complete match or none. */
    async checkHealed(): Promise<void> {
      world.faults.length = 0;
      crashes.next = false;
      await world.state.presence.renew('node', [...ids], leaseMs);
      const open = (await world.claims(viewers)).filter(({ lasts }) => lasts);
      for (const viewer of viewers) {
        const view = await scheduler.waitFor(gateway.current(viewer));
        const claim = open.find(({ userId }) => userId === viewer.userId);
        if (claim) expect(view).toMatchObject({ id: claim.ticketId, status: 'MATCHED', channelId: claim.channelId });
        if (view?.status === 'MATCHED') await expectComplete(view, viewer);
      }
    },
  };
}

/** Returns the result of a call; undefined where it failed in a way that is allowed. */
async function resultOf(gateway: Matching, viewer: Viewer, step: Call): Promise<MatchView | null | undefined> {
  try {
    if (step.kind === 'match')
      return await gateway.match(viewer, { ...step, strict: step.strict && step.tags.length > 0 });
    return step.kind === 'unmatch' ? await gateway.unmatch(viewer) : await gateway.current(viewer);
  } catch (error) {
    if (error instanceof UnavailableError || error instanceof DatabaseUnavailableError) return undefined;
    throw error;
  }
}

/** Checks that both sides of a match agree. */
function expectMirrored(claim: ClaimRow, all: readonly ClaimRow[]): void {
  expect(claim.partnerId).not.toBe(claim.userId);
  const sides = all.filter(({ channelId }) => channelId === claim.channelId);
  expect(sides.map(({ userId }) => userId).sort()).toEqual([claim.userId, claim.partnerId].sort());
  expect(sides.every(({ lasts }) => lasts === claim.lasts)).toBe(true);
}

/** Checks one user's matches, oldest first: one at a time, and none with a partner whom they met before in this run. */
function expectOneAtATime(own: readonly ClaimRow[]): void {
  expect(own.slice(0, -1).filter(({ lasts }) => lasts)).toEqual([]);
  const partners = own.map(({ partnerId }) => partnerId);
  expect(new Set(partners).size, 'matched with a partner again').toBe(partners.length);
}

/** Checks that both users are members of the match's channel. */
async function expectComplete({ channelId, partnerId }: MatchView, { userId }: Viewer): Promise<void> {
  const members = await world.database.prisma.member.findMany({ where: { channelId: some(channelId) } });
  expect(members.map((member) => member.userId).sort()).toEqual([userId, some(partnerId)].sort());
}

/** Handles a failure at once: the scheduler would handle it only at its turn, which may be too late for the process. */
function heard(submit: MatchingWorld['submit']): MatchingWorld['submit'] {
  return (draft) => {
    const outcome = submit(draft);
    outcome.catch(() => {});
    return outcome;
  };
}

/** Lets the scheduler choose the order in which statements run; a crash comes before the next transaction. */
function interleaved(scheduler: fc.Scheduler, database: Database, crashes: { next: boolean }): Database {
  return {
    ...database,
    query: (...asked) => scheduler.schedule(Promise.resolve()).then(() => database.query(...asked)),
    transaction: async (work) => {
      await scheduler.schedule(Promise.resolve());
      if (!crashes.next) return database.transaction(work);
      crashes.next = false;
      throw new DatabaseUnavailableError('crashed');
    },
  };
}

function interleavedTickets(scheduler: fc.Scheduler): MatchingWorld['state']['tickets'] {
  const { enter, unfollow, find, leave, acknowledge } = world.state.tickets;
  return {
    enter: scheduler.scheduleFunction(enter),
    unfollow: scheduler.scheduleFunction(unfollow),
    find: scheduler.scheduleFunction(find),
    leave: scheduler.scheduleFunction(leave),
    acknowledge: scheduler.scheduleFunction(acknowledge),
  };
}

function some<Value>(value: Value | null | undefined): Value {
  if (value === null || value === undefined) throw new Error('the test has no such value');
  return value;
}
