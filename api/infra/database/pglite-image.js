import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { open } from './pglite-open.js';

/*
 * A program that writes the image of an empty database: the files of PostgreSQL as a compressed tar archive. Argument: the path.
 * In JavaScript, because Node starts it without a loader for TypeScript.
 */

const [path = ''] = process.argv.slice(2);
const database = await open({});
const files = await database.dumpDataDir('none');
writeFileSync(path, gzipSync(Buffer.from(await files.arrayBuffer()), { level: 9 }));
process.exit(0);
