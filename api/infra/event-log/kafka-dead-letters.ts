import type { Admin } from 'kafkajs';
import type { Logger } from '../../logger.ts';
import { readSettings } from './kafka-settings.ts';

/** Logs a warning if the topic of the dead letters keeps them for another time than new topics do: for ever, in old releases. */
export async function warnOfRetention(
  admin: Admin,
  options: { deadLetterTopic: string; deadLetterRetentionMs: number; logger: Logger },
): Promise<void> {
  const { deadLetterTopic: topic, deadLetterRetentionMs: wanted, logger } = options;
  const found = (await readSettings(admin, topic, ['retention.ms'])).get('retention.ms');
  if (found === undefined || Number(found) === wanted) return;
  logger.warn(
    { topic, 'retention.ms': Number(found), wanted },
    'dead letters are kept for another time than KAFKA_DEAD_LETTER_DAYS: change retention.ms of the topic, or the setting',
  );
}
