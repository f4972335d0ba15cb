import { inject } from 'vitest';
import type { S3Address } from './s3.ts';

/** The brokers that all files of a run share, `host:port`, separated by commas: take a topic prefix of your own. */
export const sharedKafka = () => ask('kafka');

/** The URL of the Redis server that all files of a run share: take a prefix of your own. */
export const sharedRedis = () => ask('redis');

/**
 * The URL of a new database with no table, in the server that all files of a run share. Its clock is in another zone than
 * anybody's.
 */
export const createSharedDatabase = () => ask('database');

/** The S3 server that all files of a run share: take a bucket of your own. */
export async function sharedS3(): Promise<S3Address> {
  return JSON.parse(await ask('s3'));
}

async function ask(kind: string): Promise<string> {
  const response = await fetch(`${inject('sharedServers')}/${kind}`);
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text;
}
