import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { lookup } from 'mrmime';
import type { Coding } from './negotiation.ts';

/** A file of the built web client. */
export interface ClientFile {
  /** Media type. */
  type: string;
  /** Time of its last change, in milliseconds since 1970. */
  modifiedAt: number;
  /** Its content in each coding in which the build stored it, with an entity tag of each. */
  codings: ReadonlyMap<Coding, { body: Buffer; etag: string }>;
}

/** Extensions of the compressed copies that the build stores beside a file. */
const extensions: readonly [Coding, string][] = [
  ['br', '.br'],
  ['gzip', '.gz'],
];
/** Type that browsers give icons (MIME Sniffing, section 6.1); mrmime does not know them. */
const iconType = 'image/x-icon';
const textTypes = /^text\/|^application\/(?:json|manifest\+json)$/;

/**
 * Reads the built web client into memory, some hundred kilobytes. Hidden files are left out.
 * @returns the files by the path of their URL
 */
export function readClientFiles(directory: string): ReadonlyMap<string, ClientFile> {
  const paths = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.(?:br|gz)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  const files = paths.map(
    (path) => [`/${relative(directory, path).split(sep).join('/')}`, readClientFile(path)] as const,
  );
  return new Map(files.filter(([path]) => !path.includes('/.') || path.startsWith('/.well-known/')));
}

function readClientFile(path: string): ClientFile {
  const content = readFileSync(path);
  const tag = createHash('sha256').update(content).digest('base64url').slice(0, 22);
  const copies = extensions.flatMap(([coding, extension]) => {
    const copy = existsSync(path + extension) ? readFileSync(path + extension) : null;
    return copy ? [[coding, { body: copy, etag: `"${tag}-${coding}"` }] as const] : [];
  });
  const type = path.endsWith('.ico') ? iconType : (lookup(path) ?? 'application/octet-stream');
  return {
    type: textTypes.test(type) ? `${type}; charset=utf-8` : type,
    modifiedAt: statSync(path).mtimeMs,
    codings: new Map([...copies, ['identity', { body: content, etag: `"${tag}"` }]]),
  };
}
