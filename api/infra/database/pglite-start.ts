import { resolve } from 'node:path';
import { explainDiskError } from '../../disk-errors.ts';
import { checkSpace } from '../../disk-space.ts';
import { NotReadyError } from '../../errors.ts';
import { reasonOf, StartError } from '../../start-errors.ts';
import { StatementRefusedError } from './database.ts';

/** Returns an error with the reason why the database of a directory could not be created or opened, and the remedy. */
export async function explainDatabaseError(error: unknown, dataDir: string): Promise<unknown> {
  if (error instanceof StartError) return error;
  const explained = explainDiskError(error, dataDir);
  if (explained !== error) return explained;
  // A migration that fails is a fault of the release, whose stack trace helps.
  if (error instanceof StatementRefusedError) return error;
  const reason = await reasonOfDisk(dataDir);
  const remedy = reason ?? remedyFor(reasonOf(error));
  return new StartError(`The database in ${resolve(dataDir)} cannot be opened: ${reasonOf(error)}. ${remedy}`, {
    cause: error,
  });
}

/** PostgreSQL and PGlite report a full disk in many ways: the disk itself tells best. */
function reasonOfDisk(dataDir: string): Promise<string | null> {
  return checkSpace(dataDir).then(
    () => null,
    (error: unknown) => (error instanceof NotReadyError ? error.message : null),
  );
}

function remedyFor(reason: string): string {
  if (/initialized by PostgreSQL version/.test(reason))
    return 'Start the release of Parley that wrote it, or restore DATA_DIR from a backup of this release.';
  return 'If no other process has changed its files, they are damaged: restore DATA_DIR from a backup, or set it to another directory.';
}
