import { createHash } from 'node:crypto';
import { parse, stripIgnoredCharacters } from 'graphql';
import { isObject } from '../is-object.ts';
import { maxQueryLength } from '../request-limits.ts';

/** Texts of documents by the ids that a manifest gives them. */
export type Manifest = ReadonlyMap<string, string>;

/** Documents that the operators of a server trust. */
export interface TrustedDocuments {
  /** Returns the text of a document by its id in a manifest, or by its SHA-256 in hexadecimal. */
  find(id: string): string | undefined;
  /** Whether a text is that of a trusted document, apart from white space, commas and comments. */
  has(text: string): boolean;
}

/** Thrown for a manifest that cannot be used; the message says why. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

/** Maximum number of documents of all manifests. */
const maxDocuments = 20_000;

const formats =
  'persisted-documents.json of graphql-codegen, the manifest of generate-persisted-query-manifest, or the file of Relay’s persistConfig';

/** Collects the documents of manifests. @throws ManifestError if two documents have one id, or if there are too many */
export function createTrustedDocuments(manifests: readonly Manifest[]): TrustedDocuments {
  const byId = new Map<string, string>();
  for (const [given, text] of manifests.flatMap((manifest) => [...manifest])) {
    const id = readId(given);
    if ((byId.get(id) ?? text) !== text) throw new ManifestError(`two documents have the id "${id}"`);
    byId.set(id, text);
  }
  if (byId.size > maxDocuments) throw new ManifestError(`there are more than ${maxDocuments} documents`);
  const texts = new Set(byId.values());
  const stripped = new Set([...texts].map(stripIgnoredCharacters));
  for (const text of texts) byId.set(sha256(text), text);
  return {
    find: (id) => byId.get(readId(id)),
    has: (text) => texts.has(text) || stripped.has(strip(text)),
  };
}

/**
 * Reads a manifest of graphql-codegen's client preset or Relay (`{ id: text }`), or of Apollo's
 * generate-persisted-query-manifest (`{ format, version, operations: [{ id, body }] }`).
 * @throws ManifestError if the text has another format, or a document that is too long or no GraphQL
 */
export function readManifest(json: string): Manifest {
  const documents = entriesOf(parseJson(json));
  for (const [id, text] of documents) checkDocument(id, text);
  return new Map(documents);
}

function entriesOf(content: unknown): [string, string][] {
  if (!isObject(content)) throw new ManifestError(`must be ${formats}`);
  const { format, version, operations } = content;
  const entries = format === undefined ? Object.entries(content) : null;
  if (entries?.every((entry): entry is [string, string] => typeof entry[1] === 'string')) return entries;
  const isApollo = format === 'apollo-persisted-query-manifest' && version === 1 && Array.isArray(operations);
  if (!isApollo || !operations.every(isApolloOperation)) throw new ManifestError(`must be ${formats}`);
  return operations.map(({ id, body }) => [id, body]);
}

function isApolloOperation(operation: unknown): operation is { id: string; body: string } {
  return isObject(operation) && typeof operation['id'] === 'string' && typeof operation['body'] === 'string';
}

function checkDocument(id: string, text: string): void {
  if (text.length > maxQueryLength) throw new ManifestError(`the document "${id}" is longer than ${maxQueryLength}`);
  try {
    parse(text);
  } catch {
    throw new ManifestError(`the document "${id}" is not valid GraphQL`);
  }
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new ManifestError('must be JSON');
  }
}

/** Returns the SHA-256 of a text in hexadecimal. */
export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** SHA-256 in hexadecimal. */
export const hashPattern = /^[\da-f]{64}$/i;

/**
 * Returns an id in the form by which it is found: without the prefix of hashes, which graphql-codegen writes and clients may leave
 * out, and a hash in lower case, since libraries write its digits in either.
 */
export function readId(given: string): string {
  const id = given.replace(/^sha256:/, '');
  return hashPattern.test(id) ? id.toLowerCase() : id;
}

/** Returns a text without ignored characters; an empty string if it is not GraphQL. */
function strip(text: string): string {
  try {
    return stripIgnoredCharacters(text);
  } catch {
    return '';
  }
}
