import { UnavailableError } from '../../errors.ts';
import type { Database } from '../../infra/database/database.ts';
import type { ChannelSignals } from '../../live/channel-signals.ts';
import type { Feeds } from '../../live/feeds.ts';
import { createProgress } from '../../live/progress.ts';
import { createStreamCursors } from '../../live/stream-cursors.ts';
import type { UserSignals } from '../../live/user-signals.ts';
import type { Logger } from '../../logger.ts';
import { createPacer, type Pacer } from '../../pacer.ts';
import type { Viewer } from '../auth.ts';
import type { Blocks } from '../blocks.ts';
import { createListRounds } from '../list-rounds.ts';
import { createHubChannels } from './hub-channels.ts';
import { createHubUsers } from './hub-users.ts';
import { createMemberships } from './memberships.ts';
import { createOwnEvents } from './own-events.ts';
import { encodeUpdateCursor, type Mark } from './update-cursor.ts';
import { createUpdateStream, type UpdateStream } from './update-stream.ts';
import { createSubscription, type UpdateRequest, type UpdateSubscription } from './update-subscription.ts';
import type { Resumed, Updates } from './updates.ts';

const defaultSweepMs = 250;
const defaultRoundsMs = 1_000;
/** Milliseconds of each turn of the event loop that rounds may take. */
const turnMs = 1;
/** Fraction by which streams say earlier that they live, so that they do not do it at the same moment. */
const jitter = 1 / 5;
/** Id of nobody. */
const nobodyId = '00000000-0000-0000-0000-000000000000';

/** See `createLiveUpdates`. */
export interface LiveUpdatesOptions {
  database: Pick<Database, 'read'>;
  channels: ChannelSignals;
  userSignals: UserSignals;
  feeds: Pick<Feeds, 'openFrom'>;
  blocks: Pick<Blocks, 'acquire'>;
  backlog: Pick<Updates, 'page' | 'resume'>;
  /** Milliseconds without an update after which a stream says that it lives. */
  caughtUpMs: number;
  /** Milliseconds without a change after which the channels of streams sleep. */
  idleMs?: number;
  /** See `createProgress`. */
  settleMs?: number;
  /** Milliseconds between two sweeps, which move cursors, release channels and tell that streams live. */
  sweepMs?: number;
  /** Milliseconds between the rounds that tell of changes of the same channel or user. */
  roundsMs?: number;
  /** Milliseconds until a look-up of a user's changes that failed is tried again. */
  retryMs?: number;
  /** Gives turns to the executions of rounds. */
  pacer?: Pacer;
  logger: Logger;
}

/** Creates the live streams of everything that concerns a user. */
export function createLiveUpdates(options: LiveUpdatesOptions) {
  const { channels: signals, userSignals, backlog, caughtUpMs, logger } = options;
  const { pacer = createPacer({ sliceMs: turnMs }), sweepMs = defaultSweepMs, roundsMs = defaultRoundsMs } = options;
  const progress = createProgress({ ...options, stepMs: sweepMs });
  const cursors = createStreamCursors({ progress, encode });
  const rounds = createListRounds({ windowMs: roundsMs, pacer });
  const mayMiss = () => signals.mayMiss() || userSignals.mayMiss();
  const onError = (error: unknown) => logger.warn({ error }, 'a stream of updates has to wait; it is tried again');
  const channels = createHubChannels({ ...options, signals, progress, onError });
  const memberships = createMemberships(options.database);
  const users = createHubUsers({ ...options, signals: userSignals, channels, memberships, mayMiss, onError });
  /** Live streams, each with the number of sweeps after which it says that it lives. */
  const streams = new Map<UpdateStream, number>();
  /** Identity of the log; null before it is known. */
  let log: string | null = null;
  /** Milliseconds from this process's clock to that of the database. */
  let clock = 0;
  let missed: (() => void) | null = null;
  let timer: NodeJS.Timeout | undefined;

  return {
    /**
     * Opens a stream of everything that concerns the viewer.
     * @throws the errors of `Updates.resume`, or the one that keeps the viewer's channels from being followed
     */
    async follow({ userId }: Viewer, request: UpdateRequest): Promise<UpdateSubscription> {
      const known = progress.offsets();
      const cursor = cursors.open();
      const user = await users.join(userId);
      return createSubscription(cursor, request, (onEnd) =>
        createUpdateStream({
          user,
          users,
          channels,
          backlog,
          cursor,
          createOwn: (onReady) => createOwnEvents({ ownerId: userId, rounds, cursor, onReady }),
          onResumed: (stream, resumed) => onResumed(stream, { resumed, known }),
          onEnd(stream, error) {
            streams.delete(stream);
            onEnd(error);
          },
        }),
      );
    },
    /** Number of streams, of the channels that they follow, and of those that are awake, for metrics and tests. */
    size: () => streams.size,
    channels: channels.size,
    awake: channels.awake,
    /** Begins to sweep. Everything that the database has applied by now concerns no stream. */
    async start(): Promise<void> {
      timer = setInterval(sweep, sweepMs).unref();
      const page = await backlog.page(nobodyId, null, 1).catch(() => null);
      if (page === null) return;
      learn(page.cursor);
      progress.start(page.cursor.from.next);
    },
    stop(): void {
      clearInterval(timer);
      rounds.stop();
    },
  };

  function encode({ next, time }: Mark): string {
    return encodeUpdateCursor({ log: log ?? '', from: { next, time }, sweep: null });
  }

  function learn(cursor: { log: string; from: Mark }): void {
    log = cursor.log;
    clock = cursor.from.time - performance.now();
  }

  /** @param given.known the progress before anything was read */
  function onResumed(stream: UpdateStream, given: { resumed: Resumed; known: readonly number[] }): void {
    const { cursor } = given.resumed;
    if (log !== null && log !== cursor.log) endAll('The log of the server was replaced: subscribe again.');
    // A database that was restored applies everything above its state again.
    const isOlder = given.known.some((next, partition) => next > (cursor.from.next[partition] ?? 0));
    if (log !== cursor.log || isOlder) progress.limit(cursor.from.next);
    // Cursors name every partition, also those of which nothing was heard.
    if (progress.offsets().length < cursor.from.next.length) progress.start(cursor.from.next.map(() => 0));
    learn(cursor);
    stream.cursor.resume(encodeUpdateCursor(cursor), cursor.from);
    streams.set(stream, Math.ceil((caughtUpMs / sweepMs) * (1 - jitter * Math.random())));
  }

  function endAll(reason: string): void {
    for (const stream of [...streams.keys()]) stream.end(new UnavailableError(reason));
  }

  function sweep(): void {
    // Signals that are missing may be about anything.
    if (mayMiss()) missed ??= progress.hold();
    else {
      missed?.();
      missed = null;
    }
    channels.sweep();
    cursors.advance(Math.floor(progress.settledAt() + clock));
    const at = new Date();
    for (const [stream, steps] of streams)
      if (stream.cursor.idleSteps() >= steps && stream.isComplete()) stream.keepAlive(at);
  }
}

/** The live streams of a node, made by `createLiveUpdates`. */
export type LiveUpdates = ReturnType<typeof createLiveUpdates>;
