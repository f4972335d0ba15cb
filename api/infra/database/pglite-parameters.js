import { PGlite } from '@electric-sql/pglite';

/**
 * Size of PostgreSQL's own page cache. PGlite fills it with zeros at the start, so all of it is resident from then on;
 * PostgreSQL's default is 128 MB. A page that is not in it comes from the page cache of the operating system.
 */
const sharedBuffers = '32MB';

/**
 * Command line of PostgreSQL. PGlite turns `fsync` off (`-F`), and its file system offers no other way to flush a file:
 * without it an acknowledged message does not survive a power failure.
 */
export const startParams = [
  ...PGlite.defaultStartParams.filter((param) => param !== '-F'),
  '-c',
  'wal_sync_method=fsync',
  '-c',
  `shared_buffers=${sharedBuffers}`,
];
