import { createHmac } from 'node:crypto';

/** Secrets of signatures: the first one signs, all of them verify, so that a secret can be replaced without an interruption. */
export type SigningSecrets = readonly [current: string, ...others: string[]];

/** Key that is derived from a secret. */
export interface SigningKey {
  /** Identifies the key in the header of a token (`kid`, RFC 7515, section 4.1.4) without revealing the secret. */
  id: string;
  bytes: Uint8Array;
}

/** Length of a key's id, in characters. */
const idLength = 11;

/** Returns the keys of access tokens, in the order of their secrets. The bytes are those of the secret. */
export function tokenKeys(secrets: SigningSecrets): [SigningKey, ...SigningKey[]] {
  const [current, ...others] = secrets;
  return [toTokenKey(current), ...others.map(toTokenKey)];
}

function toTokenKey(secret: string): SigningKey {
  const id = derive(secret, 'id of the key').toString('base64url').slice(0, idLength);
  return { id, bytes: new TextEncoder().encode(secret) };
}

/** Returns keys for another purpose than tokens, in the order of their secrets. @param purpose label of the purpose */
export function derivedKeys(secrets: SigningSecrets, purpose: string): [Uint8Array, ...Uint8Array[]] {
  const [current, ...others] = secrets;
  return [derive(current, purpose), ...others.map((secret) => derive(secret, purpose))];
}

function derive(secret: string, purpose: string): Buffer {
  return createHmac('sha256', secret).update(purpose).digest();
}
