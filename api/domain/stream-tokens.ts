import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { derivedKeys, type SigningSecrets } from './signing-keys.ts';

/** Node that gave a token, random id, and signature. The node comes first: load balancers read it up to the dot. */
const pattern = /^(([\da-f-]{36})\.[\w-]{22})\.([\w-]{43})$/;

/**
 * Creates the tokens of reserved event streams. A stream is in the memory of one node, so its token names that node, and the
 * signature proves to the others that the node exists: they can tell a misdirected request from a forged one.
 * @param options.secrets secrets from which the signing keys are derived: the first signs, all verify
 * @param options.nodeId id of this node, a UUID
 */
export function createStreamTokens({ secrets, nodeId }: { secrets: SigningSecrets; nodeId: string }) {
  const keys = derivedKeys(secrets, 'tokens of event streams');

  return {
    nodeId,
    /** Creates the token of a stream of this node. */
    create(): string {
      const facts = `${nodeId}.${randomBytes(16).toString('base64url')}`;
      return `${facts}.${sign(keys[0], facts)}`;
    },
    /** Returns the node of a token; null if the token is forged or malformed. */
    nodeOf(token: string): string | null {
      const [, facts = '', node = null, signature = ''] = pattern.exec(token) ?? [];
      return keys.some((key) => isEqual(sign(key, facts), signature)) ? node : null;
    },
  };
}

export type StreamTokens = ReturnType<typeof createStreamTokens>;

function sign(key: Uint8Array, facts: string): string {
  return createHmac('sha256', key).update(facts).digest('base64url');
}

function isEqual(expected: string, given: string): boolean {
  return expected.length === given.length && timingSafeEqual(Buffer.from(expected), Buffer.from(given));
}
