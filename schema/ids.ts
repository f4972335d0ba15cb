import { validate } from 'uuid';
import { NotFoundError } from '../api/errors.ts';

/** Types that `node` can fetch, each with the letter that its ids begin with. */
const prefixes = {
  User: 'u',
  Channel: 'c',
  Membership: 's',
  Message: 'm',
  DeviceSession: 'd',
  Match: 't',
  Attachment: 'f',
  Report: 'r',
} as const;

export type NodeType = keyof typeof prefixes;

const types = new Map(Object.entries(prefixes).map(([type, prefix]) => [prefix as string, type as NodeType]));
const uuidLength = 22;
const lastDigits = 'AQgw';
const form = new RegExp(`^([a-z])_((?:[\\w-]{${uuidLength}}){1,2})$`);

/**
 * Returns the opaque id of an object: its type's letter, `_`, and its UUIDs in base64url.
 * @param uuids one UUID; for a Membership the channel's and the user's, separated by a colon
 */
export function encodeId(type: NodeType, uuids: string): string {
  const separator = uuids.indexOf(':');
  if (separator < 0) return `${prefixes[type]}_${shorten(uuids)}`;
  return `${prefixes[type]}_${shorten(uuids.slice(0, separator))}${shorten(uuids.slice(separator + 1))}`;
}

function shorten(uuid: string): string {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex').toString('base64url');
}

/** Whether a text is a UUID in the form that the database stores. */
export function isUuid(text: string | undefined): text is string {
  return validate(text);
}

/**
 * Returns type and UUIDs of an id, in the form that `encodeId` takes; null if it is not an id of this server. Spaces and line breaks
 * around it, which come with copying, are ignored.
 */
export function decodeId(id: string): { type: NodeType; uuids: string } | null {
  const [, prefix, body] = form.exec(id.trim()) ?? [];
  const type = prefix === undefined ? undefined : types.get(prefix);
  if (type === undefined || body === undefined) return null;
  if ((type === 'Membership') !== body.length > uuidLength) return null;
  const parts = type === 'Membership' ? [body.slice(0, uuidLength), body.slice(uuidLength)] : [body];
  const uuids = parts.map(lengthen);
  return uuids.every(isUuid) ? { type, uuids: uuids.join(':') } : null;
}

/** Returns the UUID of an id of the given type; null if it is not one. */
export function findId(type: NodeType, id: string): string | null {
  const decoded = decodeId(id);
  return decoded?.type === type ? decoded.uuids : null;
}

/**
 * Returns the UUID of an id of the given type.
 * @throws NotFoundError if it is not one
 */
export function readId(type: NodeType, id: string): string {
  const decoded = decodeId(id);
  if (decoded?.type === type) return decoded.uuids;
  const reason = decoded ? `is an id of type ${decoded.type}` : 'is not the id of one';
  throw new NotFoundError(`${type} not found: ${JSON.stringify(id.slice(0, 64))} ${reason}.`);
}

/** Decodes 22 characters of base64url. The spare bits of the last one must be zero, so that a UUID has a single spelling. */
function lengthen(part: string): string | undefined {
  if (!lastDigits.includes(part.slice(-1))) return undefined;
  const hex = Buffer.from(part, 'base64url').toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
