import type { ChannelSignal, Signals, Topic, UserSignal } from './events.ts';

/** A signal whose publishing failed, as it is repeated. */
export interface RepeatedSignal {
  /** Signals with the same key are joined into one. */
  key: string;
  topic: Topic;
  message: Signals[Topic];
}

/**
 * Returns the signal that repeats a failed one; null for one that is not repeated: outcomes are looked up each second by the
 * gateways that wait for them, and presence is checked. Entries are left out: gateways read them from the database.
 */
export function toRepeated<T extends Topic>(topic: T, message: Signals[T]): RepeatedSignal | null {
  if (topic.startsWith('channel:')) return ofChannel(topic, message as ChannelSignal);
  if (topic.startsWith('user:')) return ofUser(topic, message as UserSignal);
  if (topic === 'takeovers') return { key: `${topic} ${(message as Signals['takeovers']).partition}`, topic, message };
  return topic === 'users' ? { key: `${topic} ${message}`, topic, message } : null;
}

function ofChannel(topic: Topic, signal: ChannelSignal): RepeatedSignal {
  return { key: `${topic} ${signal.profileOf ?? ''}`, topic, message: { ...signal, entries: [] } };
}

function ofUser(topic: Topic, signal: UserSignal): RepeatedSignal {
  const key = `${topic} ${signal.type} ${'channelId' in signal ? signal.channelId : ''}`;
  return { key, topic, message: signal };
}

/** Joins two signals with the same key: the later one, with the facts of the earlier one that it lacks. */
export function joinRepeated(earlier: RepeatedSignal, later: RepeatedSignal): RepeatedSignal {
  const [before, after] = [earlier.message, later.message] as (ChannelSignal & UserSignal)[];
  if (before === undefined || after === undefined) return later;
  if (after.head?.changed === false && before.head.changed)
    return { ...later, message: { ...after, head: { ...after.head, changed: true } } };
  if (after.type === 'sessions' && before.type === 'sessions')
    return { ...later, message: { ...after, sessionIds: [...new Set([...before.sessionIds, ...after.sessionIds])] } };
  return later;
}
