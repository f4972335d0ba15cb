import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { PGlite } from '@electric-sql/pglite';
import { startParams } from './pglite-parameters.js';

/*
 * The start of PostgreSQL. In JavaScript, because the thread and the program that load it are started by Node itself, without
 * a loader for TypeScript.
 */

/** The numbers of errors in WASI, by which Emscripten reports those of the disk, with their codes in POSIX. */
const codes = new Map([
  [2, 'EACCES'],
  [19, 'EDQUOT'],
  [29, 'EIO'],
  [51, 'ENOSPC'],
  [63, 'EPERM'],
  [69, 'EROFS'],
]);

// Emscripten sets the mode of each new file by itself, so that the umask of the process has no effect. This thread, or program,
// changes modes for nothing else.
const { chmodSync, fchmodSync } = fs;
const ofOwner = 0o700;
fs.chmodSync = (path, mode) => chmodSync(path, Number(mode) & ofOwner);
fs.fchmodSync = (descriptor, mode) => fchmodSync(descriptor, Number(mode) & ofOwner);
syncBuiltinESMExports();

/**
 * Starts PostgreSQL.
 * @param {{ dataDir?: string, loadDataDir?: Blob }} options directory of its files; in memory without it, over the files of a tar
 *   archive if there is one
 * @throws {Error} with the reason that PostgreSQL gives: PGlite says only that it failed
 */
export async function open(options) {
  /** @type {string[]} */
  const lines = [];
  let isStarting = true;
  // PostgreSQL's later output may name users' texts.
  const onStderr = (/** @type {string} */ line) => isStarting && lines.push(line) > 0;
  try {
    return await PGlite.create({ ...options, startParams, onStderr });
  } catch (error) {
    throw new Error(reasonOf(lines) ?? messageOf(error));
  } finally {
    isStarting = false;
  }
}

/**
 * Returns the last error that PostgreSQL reported, with the detail below it.
 * @param {readonly string[]} lines
 */
function reasonOf(lines) {
  const at = lines.findLastIndex((line) => /\b(ERROR|FATAL|PANIC): /.test(line));
  const [error, detail = ''] = at < 0 ? [] : lines.slice(at, at + 2);
  if (error === undefined) return null;
  const texts = /\bDETAIL: /.test(detail) ? [error, detail] : [error];
  return texts.map((line) => line.replace(/^.*?\b(ERROR|FATAL|PANIC|DETAIL): +|\.?\s*$/g, '')).join('; ');
}

/** @param {unknown} error */
function messageOf(error) {
  if (error === null || typeof error !== 'object') return String(error);
  const { errno, message = '' } = /** @type {{ errno?: number, message?: string }} */ (error);
  const code = errno === undefined ? undefined : codes.get(errno);
  return [code, message].filter(Boolean).join(': ') || String(error);
}
