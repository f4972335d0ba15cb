import type { LocalData } from '../accounts/local-data.ts';

/** A message that is being written. */
export interface Draft {
  text: string;
  /** The message that it answers. */
  replyToId: string | null;
}

const EMPTY: Draft = { text: '', replyToId: null };

/** One draft a channel, kept over reloads. */
export function createDrafts(localData: LocalData) {
  const keyOf = (channelId: string) => `draft.${channelId}`;
  return {
    read(channelId: string): Draft {
      const draft = localData.read(keyOf(channelId));
      return isDraft(draft) ? draft : EMPTY;
    },
    write(channelId: string, draft: Draft): void {
      localData.write(keyOf(channelId), draft.text === '' && draft.replyToId === null ? undefined : draft);
    },
  };
}

function isDraft(value: unknown): value is Draft {
  return typeof value === 'object' && value !== null && 'text' in value && 'replyToId' in value;
}
