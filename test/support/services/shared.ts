import { inject } from 'vitest';
import type { FirstData } from './first-data.ts';
import type { S3Address } from './s3.ts';

/** Values that the setup of a run gives to its files. */
export interface Shared {
  /** URL at which test files request the servers that they share; see `shared-servers.ts`. */
  sharedServers: string;
}

declare module 'vitest' {
  export interface ProvidedContext extends Shared {}
}

/** Returns the brokers that all files of a run share, as `host:port` separated by commas. Use your own topic prefix. */
export const sharedKafka = () => requestServer('kafka');

/** Returns the URL of the Redis server that all files of a run share. Use your own prefix. */
export const sharedRedis = () => requestServer('redis');

/** Creates an empty database, with an unusual time zone, on the server that all files of a run share. Returns its URL. */
export const createSharedDatabase = () => requestServer('database');

/** Returns the S3 server that all files of a run share. Use your own bucket. */
export async function sharedS3(): Promise<S3Address> {
  return JSON.parse(await requestServer('s3'));
}

/** Returns the data of a server in one process before its first user, which all files of a run copy. */
export async function sharedFirstData(): Promise<FirstData> {
  return JSON.parse(await requestServer('first-data'));
}

async function requestServer(kind: string): Promise<string> {
  const response = await fetch(`${inject('sharedServers')}/${kind}`);
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text;
}
