import { BadUserInputError } from '../errors.ts';
import { userTopic } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { publishSignal } from '../live/publish-signal.ts';
import type { Logger } from '../logger.ts';
import { throwRefusal } from './access.ts';
import type { Viewer } from './auth.ts';
import { changeOwnRecord, updatePreferences } from './own-records.ts';
import { type RateLimits, rates } from './rate-limits.ts';

/** Messages that should alert a member of a channel. */
export type NotifyLevel = 'ALL' | 'MENTIONS' | 'NOTHING';

/** Preferences of a member for one channel. */
export interface Preferences {
  notify: NotifyLevel;
  pinned: boolean;
  archived: boolean;
}

/** Stores the preferences of members for channels. They are the user's own records: no other user learns of them. */
export function createPreferences(options: {
  database: Pick<Database, 'query'>;
  pubsub: PubSub;
  rateLimits: RateLimits;
  logger: Logger;
}) {
  const { query } = options.database;
  const changes = options.rateLimits.shared('preferences', rates.preferenceChanges);

  return {
    /**
     * Changes the viewer's preferences for a channel, and signals it to the viewer's other devices.
     * @param input null leaves a preference as it is
     * @throws BadUserInputError if there is nothing to change; NotFoundError or ForbiddenError if the viewer is not a member;
     * RateLimitedError
     */
    async change(
      viewer: Viewer,
      channelId: string,
      input: { [Name in keyof Preferences]: Preferences[Name] | null },
    ): Promise<void> {
      const { userId } = viewer;
      if (Object.values(input).every((value) => value === null))
        throw new BadUserInputError([{ path: 'input', message: 'must have `notify`, `pinned` or `archived`' }]);
      await changes.take(userId);
      const key = { channelId, userId };
      throwRefusal(await changeOwnRecord(query, key, () => query(updatePreferences, { ...key, ...input })));
      await publishSignal(options, userTopic(userId), { type: 'preferences', channelId });
    },
  };
}

/** The preferences of members, made by `createPreferences`. */
export type PreferenceStore = ReturnType<typeof createPreferences>;
