import type { ExecutionArgs, ExecutionResult } from 'graphql';
import type { ShownEvent, UpdateConsumer } from '../../domain/updates/live-update.ts';
import type { UpdateCursor } from '../../domain/updates/update-cursor.ts';
import { UnavailableError } from '../../errors.ts';
import type { ListRound } from '../../list-round.ts';
import type { Audiences, Selection } from '../../live/audiences.ts';
import { groupByBytes } from '../../live/frames.ts';
import {
  createCursorFrameEncoder,
  createFrameEncoder,
  cursorPlaceholder,
  type EncodeFrames,
} from '../../live/result-frames.ts';
import type { Sink } from '../../live/subscriber.ts';
import { hasUnavailable, isGone } from './errors.ts';
import { executeOver } from './execute.ts';
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
  /** Encoders of the signs of life of one moment, by selection: many streams give one at the same time. */
  let signsOfLife = { at: Number.NaN, encoders: new Map<string, Promise<EncodeFrames | null>>() };

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
        const encode =
          event?.type === 'caughtUp' ? await signOfLife(event, { args, key }) : await encoderOf(args, events, round);
        if (encode) sink.outbox.add(encode(sink), 'entry');
      },
    };
  };

  function signOfLife(event: ShownEvent & { type: 'caughtUp' }, given: { args: ExecutionArgs; key: string }) {
    const at = event.at.getTime();
    if (signsOfLife.at !== at) signsOfLife = { at, encoders: new Map() };
    const present = signsOfLife.encoders.get(given.key);
    if (present) return present;
    const made = encoderOf(given.args, [event]);
    signsOfLife.encoders.set(given.key, made);
    return made;
  }

  /** Executes events, and returns the encoder of their frames; null if the viewer can see none of them. */
  async function encoderOf(args: ExecutionArgs, events: readonly ShownEvent[], round: ListRound | null = null) {
    const updates = events.map((event) => ({ event, cursor: cursorPlaceholder }));
    const payloads = await execute(args, updates, round);
    return payloads.length > 0 ? createCursorFrameEncoder(payloads) : null;
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
    const results = await limitTime(withFreshLoaders(args, { round }), (fresh) => executeOver(fresh, updates));
    if (!Array.isArray(results) || results.some(({ errors }) => hasUnavailable(errors)))
      throw new UnavailableError('The server could not load the events of this subscription: subscribe again.');
    return results.filter((result) => !isGone(result)).map(toPayload);
  }
}

/** Sends payloads, at the pace of the peer. */
async function sendBacklog(sink: Sink, payloads: readonly Buffer[]): Promise<void> {
  for (const group of groupByBytes(payloads, groupBytes))
    await sink.outbox.send(createFrameEncoder(group)(sink), 'backlog');
}
