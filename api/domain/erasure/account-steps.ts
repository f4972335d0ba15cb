import type { Query } from '../../infra/database/database.ts';
import { statement } from '../../infra/database/statement.ts';
import { uuid } from '../../infra/database/types.ts';
import type { Objects } from '../../infra/objects/objects.ts';
import { portion } from '../cleanup/job.ts';
import { deleteUploads } from '../cleanup/upload-statements.ts';
import { fileKey, rawKey, thumbnailKey } from '../file-keys.ts';
import type { ErasureStep } from './erasures.ts';

/** Maximum number of files that one portion removes. */
const filesAtOnce = 100;

/** Creates the steps for records that belong to a user alone: files, permissions to upload, sessions, and blocks by the user. */
export function createAccountSteps({ query, objects }: { query: Query; objects: Objects }): ErasureStep[] {
  return [
    { name: 'files', run: eraseFiles },
    removal('upload tickets', deleteTicketsOf),
    removal('refresh tokens', deleteTokensOfUser),
    removal('sessions', deleteSessionsOf),
    removal('blocks', deleteBlocksBy),
    removal('password resets', deleteResetsOfUser),
  ];

  /** Removes objects before their rows, so that an interrupted portion finds them again. */
  async function eraseFiles(userId: string): Promise<string | null> {
    const ids = (await query(selectFiles, { userId })).map(({ id }) => id);
    if (ids.length === 0) return null;
    await objects.remove(ids.flatMap((id) => [fileKey(id), thumbnailKey(id), rawKey(id)]));
    await query(deleteUploads, { ids });
    return '';
  }

  function removal(name: string, remove: typeof deleteTicketsOf): ErasureStep {
    return {
      name,
      run: async (userId) => ((await query(remove, { userId })).length === portion ? '' : null),
    };
  }
}

const selectFiles = statement({
  sql: `SELECT id FROM upload WHERE user_id = $userId ORDER BY id LIMIT ${filesAtOnce}`,
  parameters: { userId: uuid },
  row: { id: uuid },
});

const deleteTicketsOf = declareDeletion('upload_ticket t', 't.user_id = $userId');
const deleteTokensOfUser = declareDeletion(
  'refresh_token t',
  't.session_id IN (SELECT s.id FROM session s WHERE s.user_id = $userId)',
);
const deleteSessionsOf = declareDeletion('session t', 't.user_id = $userId');
const deleteBlocksBy = declareDeletion('block t', 't.blocker_id = $userId');
const deleteResetsOfUser = declareDeletion('password_reset t', 't.user_id = $userId');

/** Declares the deletion of rows of a user, up to a portion, which returns a row for each. */
function declareDeletion(table: string, isOfUser: string) {
  return statement({
    sql: `
      DELETE FROM ${table} WHERE t.ctid = ANY(ARRAY(
        SELECT t.ctid FROM ${table} WHERE ${isOfUser} LIMIT ${portion})) RETURNING $userId AS "userId"`,
    parameters: { userId: uuid },
    row: { userId: uuid },
  });
}
