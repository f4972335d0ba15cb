import { randomUUID } from 'node:crypto';
import { decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import { createAccessTokens } from '../../api/domain/access-tokens.ts';
import type { SigningSecrets } from '../../api/domain/signing-keys.ts';
import { UnauthenticatedError } from '../../api/errors.ts';
import { forge } from '../support/accounts.ts';

const former = 'the secret that signed tokens until now';
const next = 'the secret that signs tokens from now on';
const [userId, sessionId] = [randomUUID(), randomUUID()];

const tokensOf = (...secrets: SigningSecrets) => createAccessTokens({ secrets, ttlSeconds: 900 });
const signWith = async (...secrets: SigningSecrets) => (await tokensOf(...secrets).sign(userId, sessionId)).token;

describe('replacing the secret of tokens', () => {
  it('keeps every token valid at each step: announce the next secret, sign with it, remove the former one', async () => {
    const steps: SigningSecrets[] = [[former], [former, next], [next, former]];
    const [atFirst, announced, replaced] = await Promise.all(steps.map((secrets) => signWith(...secrets)));
    for (const token of [atFirst, announced, replaced]) {
      expect(await tokensOf(former, next).verify(token ?? '')).toMatchObject({ sub: userId, sid: sessionId });
      expect(await tokensOf(next, former).verify(token ?? '')).toMatchObject({ sub: userId, sid: sessionId });
    }
    await expect(tokensOf(next).verify(atFirst ?? '')).rejects.toThrow(UnauthenticatedError);
    expect(await tokensOf(next).verify(replaced ?? '')).toMatchObject({ sub: userId });
  });

  it('accepts tokens of a release that did not name its key', async () => {
    const token = await forge({ sub: userId, sid: sessionId }, { key: former });
    expect(decodeProtectedHeader(token).kid).toBeUndefined();
    expect(await tokensOf(next, former).verify(token)).toMatchObject({ sub: userId });
    await expect(tokensOf(next).verify(token)).rejects.toThrow('The token is not valid: sign in again.');
  });

  it('says of an expired token that it has expired, whichever secret signed it', async () => {
    const token = await forge({ sub: userId, sid: sessionId, exp: 1 }, { key: former });
    await expect(tokensOf(next, former).verify(token)).rejects.toThrow('expired');
  });
});

describe('the key that a token names', () => {
  it('is the only one that can verify it', async () => {
    const { kid } = decodeProtectedHeader(await signWith(next));
    const claims = { sub: userId, sid: sessionId };
    await expect(tokensOf(next, former).verify(await forge(claims, { key: former, kid }))).rejects.toThrow('not valid');
    await expect(tokensOf(next).verify(await forge(claims, { key: next, kid: 'unknown' }))).rejects.toThrow(
      'not valid',
    );
    expect(await tokensOf(next).verify(await forge(claims, { key: next, kid }))).toMatchObject(claims);
  });

  it('differs for each secret and does not contain it', async () => {
    const ids = await Promise.all(
      [former, next].map(async (secret) => decodeProtectedHeader(await signWith(secret)).kid),
    );
    expect(ids[0]).toMatch(/^[\w-]{11}$/);
    expect(ids[1]).not.toBe(ids[0]);
  });
});
