import { resolve } from 'node:path';
import { codeOf, reasonOf, StartError } from './start-errors.ts';

/** Returns an error with the remedy for an error of the disk; any other error is returned unchanged. */
export function explainDiskError(error: unknown, directory: string): unknown {
  const remedy = remedies[codeOf(error) ?? ''];
  if (remedy === undefined) return error;
  return new StartError(`${remedy(resolve(directory))} (${reasonOf(error)})`, { cause: error });
}

const full = (path: string) =>
  `The disk of ${path} is full. Free some space, or set DATA_DIR to a directory on another disk; a new database takes 100 MB.`;
const readOnly = (path: string) =>
  `${path} is on a read-only file system. Mount it so that this process may write, or set DATA_DIR to another directory.`;
const forbidden = (path: string) =>
  `This process runs as user ${process.getuid?.() ?? 'unknown'}, who may not write to ${path}. Give the directory with everything in it to that user (chown -R), or set DATA_DIR to another directory.`;
const noDirectory = (path: string) =>
  `${path} is not a directory, and none can be created there. Set DATA_DIR to a directory, or to a path where one can be created.`;
const broken = (path: string) => `The disk of ${path} reports errors. Check the disk and the log of the system.`;

/** Remedies for the codes of POSIX that name a mistake of the operator, or a fault of the disk. */
const remedies: Readonly<Record<string, (path: string) => string>> = {
  ENOSPC: full,
  EDQUOT: full,
  EROFS: readOnly,
  EACCES: forbidden,
  EPERM: forbidden,
  ENOTDIR: noDirectory,
  ENOENT: noDirectory,
  ELOOP: noDirectory,
  ENAMETOOLONG: noDirectory,
  EIO: broken,
};
