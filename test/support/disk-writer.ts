import { rm, writeFile } from 'node:fs/promises';
import { paths } from '../../api/config.ts';
import { createPgliteDatabase } from '../../api/infra/database/pglite.ts';

/*
 * Writes rows before, during and after a failure of the disk, and prints the error and the ids of the rows that were kept.
 * Arguments: the directory of the database, and the path of a file whose existence makes the disk fail.
 */

const [dataDir = '', failing = ''] = process.argv.slice(2);
const database = await createPgliteDatabase({ dataDir, migrations: paths.migrations });
const insert = (id: number) => database.query('INSERT INTO kept VALUES ($1)', [id]);

await database.query('CREATE TABLE kept (id int)');
await insert(1);
await writeFile(failing, '');
const error = await insert(2).then(
  () => null,
  (reason: Error) => reason.name,
);
await rm(failing);
await insert(3);
const rows = await database.query<{ id: number }>('SELECT id FROM kept ORDER BY id');
await database.stop();
process.stdout.write(JSON.stringify({ error, ids: rows.map(({ id }) => id) }));
