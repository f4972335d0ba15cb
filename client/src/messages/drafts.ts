import type { LocalData } from '../accounts/local-data.ts';

/** An unsent message. */
export interface Draft {
  text: string;
  /** Id of the message that it replies to. */
  replyToId: string | null;
}

const emptyDraft: Draft = { text: '', replyToId: null };

/** Creates the store of drafts: one per channel, kept across reloads. */
export function createDrafts(localData: LocalData) {
  const keyOf = (channelId: string) => `draft.${channelId}`;
  return {
    read(channelId: string): Draft {
      const draft = localData.read(keyOf(channelId));
      return isDraft(draft) ? draft : emptyDraft;
    },
    write(channelId: string, draft: Draft): void {
      localData.write(keyOf(channelId), draft.text === '' && draft.replyToId === null ? undefined : draft);
    },
  };
}

function isDraft(value: unknown): value is Draft {
  return typeof value === 'object' && value !== null && 'text' in value && 'replyToId' in value;
}
