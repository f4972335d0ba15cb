import { closeSync, fsyncSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/*
 * Writes of PGlite that must reach the disk. In JavaScript, because the thread and the program that load it are started
 * by Node itself, without a loader for TypeScript.
 */

/**
 * Flushes every file and directory below a directory, and the directory itself, to the disk.
 * @param {string} directory
 */
export function syncTree(directory) {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() || entry.isDirectory()) syncPath(join(entry.parentPath, entry.name));
  }
  syncPath(directory);
}

/**
 * Flushes one file, or the names in one directory, to the disk.
 * @param {string} path
 */
export function syncPath(path) {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
