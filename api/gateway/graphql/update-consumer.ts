import type { ExecutionArgs, ExecutionResult } from 'graphql';
import type { ShownEvent, UpdateConsumer } from '../../domain/updates/live-update.ts';
import type { UpdateCursor } from '../../domain/updates/update-cursor.ts';
import { UnavailableError } from '../../errors.ts';
import type { ListRound } from '../../list-round.ts';
import type { Audiences, Selection } from '../../live/audiences.ts';
import { groupByBytes } from '../../live/frames.ts';
import { createCursorFrameEncoder, createFrameEncoder, cursorPlaceholder } from '../../live/result-frames.ts';
import type { Sink } from '../../live/subscriber.ts';
import { hasUnavailable, isGone } from './errors.ts';
import { executeOperation } from './execute.ts';
import { withFreshLoaders } from './subscribe.ts';
import type { LimitTime } from './time-limit.ts';

/** Number of updates of a backlog that are executed together. */
const executedAtOnce = 25;
/** Maximum number of bytes that are sent before the peer must have taken them. */
const groupBytes = 65_536;

/** The subscription that a consumer serves. */
export interface ServedUpdates {
  args: ExecutionArgs;
  /** With the cursor of the stream. */
  sink: Sink;
  /** Equal for subscriptions whose payloads are equal. */
  key: string;
  /** Returns the selection that an audience of a channel executes. */
  selectionOf(channelId: string): Selection;
}

/**
 * Creates the consumers of streams over WebSockets. Messages of a channel are executed by audiences, for all streams with the same
 * selection; all else for each stream. The frames go straight to the socket's outbox.
 * @param options.toPayload returns the JSON of a result
 */
export function createUpdateConsumers(options: {
  audiences: Pick<Audiences, 'attach'>;
  limitTime: LimitTime;
  toPayload(result: ExecutionResult): Buffer;
}) {
  const { audiences, limitTime, toPayload } = options;
  /** Payloads of the signs of life of one moment, by selection: all streams say it at the same time. */
  let signsOfLife = { at: Number.NaN, payloads: new Map<string, Promise<Buffer[]>>() };

  return function createConsumer({ args, sink, key, selectionOf }: ServedUpdates): UpdateConsumer {
    return {
      attach: (feed, reader, onEnd) =>
        audiences.attach({ source: feed, reader }, selectionOf(feed.channelId), { sink, onEnd }),
      async page(updates) {
        for (let from = 0; from < updates.length; from += executedAtOnce)
          await sendBacklog(sink, await execute(args, updates.slice(from, from + executedAtOnce)));
      },
      async tell(events, round) {
        const [event] = events;
        const payloads =
          event?.type === 'caughtUp'
            ? await signOfLife(event, { args, key })
            : await execute(args, withCursor(events), round);
        if (payloads.length > 0) sink.outbox.add(createCursorFrameEncoder(payloads)(sink), 'entry');
      },
    };
  };

  function signOfLife(event: ShownEvent & { type: 'caughtUp' }, given: { args: ExecutionArgs; key: string }) {
    const at = event.at.getTime();
    if (signsOfLife.at !== at) signsOfLife = { at, payloads: new Map() };
    const present = signsOfLife.payloads.get(given.key);
    if (present) return present;
    const made = execute(given.args, withCursor([event]));
    signsOfLife.payloads.set(given.key, made);
    return made;
  }

  /**
   * Executes updates with loaders that they share, and returns the payloads of those whose subject the viewer can see.
   * @throws UnavailableError if a service that one of them needs is unavailable
   */
  async function execute(
    args: ExecutionArgs,
    updates: readonly { event: ShownEvent; cursor: string | UpdateCursor }[],
    round: ListRound | null = null,
  ): Promise<Buffer[]> {
    const results = await limitTime(withFreshLoaders(args, { round }), (fresh) =>
      Promise.all(updates.map((update) => executeOperation(fresh, update))),
    );
    if (!Array.isArray(results) || results.some(({ errors }) => hasUnavailable(errors)))
      throw new UnavailableError('The server could not load the events of this subscription: subscribe again.');
    return results.filter((result) => !isGone(result)).map(toPayload);
  }
}

function withCursor(events: readonly ShownEvent[]) {
  return events.map((event) => ({ event, cursor: cursorPlaceholder }));
}

/** Sends payloads, at the pace of the peer. */
async function sendBacklog(sink: Sink, payloads: readonly Buffer[]): Promise<void> {
  for (const group of groupByBytes(payloads, groupBytes))
    await sink.outbox.send(createFrameEncoder(group)(sink), 'backlog');
}
