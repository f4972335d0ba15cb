import kafkajs, { type Admin } from 'kafkajs';
import { NotReadyError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';

type Settings = ReadonlyMap<string, string>;

/** Settings with which acknowledged records survive the loss of a machine. */
const needed = { replication: 3, inSync: 2 };
/** Milliseconds for which records are retained at least: an outage, or the age of a backup that is restored, must be shorter. */
const minRetentionMs = 7 * 86_400_000;
const forever = '-1';

/**
 * Returns the settings of a new events topic. Brokers have defaults of their own, which an operator may have changed for other
 * topics. Records have the broker's time, by which retention deletes them: a gateway's clock may be wrong.
 * @param replication replication factor of the topic
 */
export function eventsSettings(replication: number): { name: string; value: string }[] {
  return [
    inSyncSetting(replication),
    { name: 'cleanup.policy', value: 'delete' },
    { name: 'retention.ms', value: String(minRetentionMs) },
    { name: 'retention.bytes', value: forever },
    { name: 'message.timestamp.type', value: 'LogAppendTime' },
  ];
}

/** Returns the number of replicas that confirm a record: one fewer than there are, so that one may be away. */
export function inSyncSetting(replication: number): { name: string; value: string } {
  return { name: 'min.insync.replicas', value: String(Math.min(needed.inSync, Math.max(replication - 1, 1))) };
}

/**
 * Checks that the topic keeps each record until retention removes it.
 * @throws NotReadyError when it is compacted: records would be lost that look like gaps
 */
export async function checkCleanup(admin: Admin, topic: string): Promise<void> {
  const policy = (await readSettings(admin, topic, ['cleanup.policy'])).get('cleanup.policy');
  if (policy === undefined || policy === 'delete') return;
  throw new NotReadyError(
    `Topic ${topic} has cleanup.policy=${policy}, which removes events that were not applied. Set it to delete, and check that no event is missing.`,
  );
}

/** Logs a warning for each setting with which acknowledged records may be lost. */
export async function warnOfSettings(admin: Admin, topic: string, replication: number, logger: Logger): Promise<void> {
  const names = ['min.insync.replicas', 'retention.ms', 'retention.bytes', 'message.timestamp.type'];
  const settings = await readSettings(admin, topic, names);
  const inSync = Number(settings.get('min.insync.replicas'));
  if (replication < needed.replication || inSync < needed.inSync) {
    logger.warn(
      { topic, replication, 'min.insync.replicas': inSync, needed },
      'acknowledged messages may be lost with one machine: give the topic more replicas',
    );
  }
  const weak = weakRetention(settings);
  if (weak.length > 0)
    logger.warn(
      { topic, settings: weak },
      'events may be deleted before they are applied: change these settings of the topic',
    );
}

function weakRetention(settings: Settings): string[] {
  const kept = settings.get('retention.ms') ?? forever;
  const isWeak = {
    'retention.ms': kept !== forever && Number(kept) < minRetentionMs,
    'retention.bytes': (settings.get('retention.bytes') ?? forever) !== forever,
    'message.timestamp.type': settings.get('message.timestamp.type') === 'CreateTime',
  };
  return Object.entries(isWeak).flatMap(([name, weak]) => (weak ? [`${name}=${settings.get(name)}`] : []));
}

/** Returns the values of settings of a topic by name. */
export async function readSettings(admin: Admin, topic: string, configNames: string[]): Promise<Settings> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames }],
  });
  return new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]));
}
