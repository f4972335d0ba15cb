import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { SigningSecrets } from '../../api/domain/signing-keys.ts';
import { createStreamTokens } from '../../api/domain/stream-tokens.ts';

const nodeId = randomUUID();
const oldSecret = 'a'.repeat(32);
const newSecret = 'b'.repeat(32);

function createTokens(secrets: SigningSecrets = [oldSecret]) {
  return createStreamTokens({ secrets, nodeId });
}

it('names the node that made it, to every node with the secret', () => {
  const token = createTokens().create();
  expect(token.split('.')[0]).toBe(nodeId);
  expect(createStreamTokens({ secrets: [oldSecret], nodeId: randomUUID() }).nodeOf(token)).toBe(nodeId);
  expect(createTokens([newSecret, oldSecret]).nodeOf(token)).toBe(nodeId);
  expect(createTokens([newSecret]).nodeOf(token)).toBeNull();
});

it('is different each time', () => {
  const tokens = createTokens();
  expect(tokens.create()).not.toBe(tokens.create());
});

it('is refused if any part of it was changed', () => {
  const tokens = createTokens();
  const [node = '', id = '', signature = ''] = tokens.create().split('.');
  const other = tokens.create().split('.');
  for (const forged of [
    [randomUUID(), id, signature],
    [node, other[1], signature],
    [node, id, other[2]],
    [node, id, ''],
    [node, id],
    [''],
  ])
    expect(tokens.nodeOf(forged.join('.'))).toBeNull();
});
