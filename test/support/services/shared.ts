import { inject } from 'vitest';

/** The brokers that all files of a run share, `host:port`, separated by commas: take a topic prefix of your own. */
export const sharedKafka = () => ask('kafka');

/** The URL of the Redis server that all files of a run share: take a prefix of your own. */
export const sharedRedis = () => ask('redis');

/**
 * The URL of a new database with no table, in the server that all files of a run share. Its clock is in another zone than
 * anybody's.
 */
export const createSharedDatabase = () => ask('database');

async function ask(kind: string): Promise<string> {
  const response = await fetch(`${inject('sharedServers')}/${kind}`);
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text;
}
