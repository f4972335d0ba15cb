import type { ChannelSignal, Entry, Head } from '../../api/events.ts';

/** Returns the head of a channel, as a bridge publishes it. */
export function headOf(channelId: string, position: number, facts: Partial<Head> = {}): Head {
  const version = position;
  const log = { partition: 0, offset: position, changed: false, through: -1 };
  return { channelId, position, seq: position, version, ...log, ...facts };
}

/** Returns the signal of changed entries, as a bridge publishes it. */
export function signalOf(channelId: string, entries: readonly Entry[]): ChannelSignal {
  return { head: headOf(channelId, entries.at(-1)?.position ?? 0), entries };
}
