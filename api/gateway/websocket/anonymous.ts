import { closeCodes } from './close-codes.ts';
import { type Connection, close } from './connection.ts';

/**
 * Closes a connection that has no viewer and ran no operation for a while.
 * @param idleMs milliseconds between two looks: it is closed if none ran in between
 */
export function closeIdleAnonymous(connection: Connection, idleMs: number): void {
  let seen = connection.operations;
  let timer = setTimeout(check, idleMs);
  connection.cleanups.push(() => clearTimeout(timer));

  function check(): void {
    if (connection.viewer !== null) return;
    const { running, operations } = connection;
    const isIdle = running.size === 0 && operations === seen;
    seen = operations;
    if (isIdle) close(connection, closeCodes.tryAgainLater, 'Idle');
    else timer = setTimeout(check, idleMs);
  }
}
