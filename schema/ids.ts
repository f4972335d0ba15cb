import { parse, stringify, validate } from 'uuid';
import { NotFoundError } from '../api/errors.ts';

/** The types that `node` finds, each with the letter that its ids begin with. */
const prefixes = {
  User: 'u',
  Channel: 'c',
  Membership: 's',
  Message: 'm',
  DeviceSession: 'd',
  Match: 't',
  Attachment: 'f',
} as const;

export type NodeType = keyof typeof prefixes;

const types = new Map(Object.entries(prefixes).map(([type, prefix]) => [prefix as string, type as NodeType]));
const uuidLength = 22;
const form = new RegExp(`^([a-z])_((?:[\\w-]{${uuidLength}}){1,2})$`);

/**
 * The opaque id of an object: its type's letter, `_`, and its UUIDs in base64url.
 * @param uuids one UUID; of a Membership two, separated by a colon: the channel's and the user's
 */
export function encodeId(type: NodeType, uuids: string): string {
  const parts = uuids.split(':').map((uuid) => Buffer.from(parse(uuid)).toString('base64url'));
  return `${prefixes[type]}_${parts.join('')}`;
}

/** Whether a text is a UUID as it is stored. */
export function isUuid(text: string | undefined): text is string {
  return validate(text);
}

/** What an id names, in the form that `encodeId` takes; null when it is not an id of this server. */
export function decodeId(id: string): { type: NodeType; uuids: string } | null {
  const [, prefix, body] = form.exec(id) ?? [];
  const type = prefix === undefined ? undefined : types.get(prefix);
  if (type === undefined || body === undefined) return null;
  if ((type === 'Membership') !== body.length > uuidLength) return null;
  try {
    const uuids = (body.match(/.{22}/g) ?? []).map(toUuid).join(':');
    // The last digit has bits to spare: of the spellings of one UUID, only one is its id.
    return encodeId(type, uuids) === id ? { type, uuids } : null;
  } catch {
    return null;
  }
}

/** The UUID of an id of that type; null when it is no such id. */
export function findId(type: NodeType, id: string): string | null {
  const decoded = decodeId(id);
  return decoded?.type === type ? decoded.uuids : null;
}

/**
 * The UUID of an id of that type.
 * @throws NotFoundError when it is no such id
 */
export function readId(type: NodeType, id: string): string {
  const uuid = findId(type, id);
  if (uuid === null)
    throw new NotFoundError(`There is no ${type.toLowerCase()} with the id ${JSON.stringify(id.slice(0, 64))}.`);
  return uuid;
}

function toUuid(part: string): string {
  return stringify(Buffer.from(part, 'base64url'));
}
