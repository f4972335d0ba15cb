import { createHash } from 'node:crypto';
import { addressGroup } from '../address.ts';
import type { Database } from '../infra/database/database.ts';
import { emailKey } from '../text/email-address.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import { selectFamiliar } from './session-statements.ts';

/** Bytes of a digest that stands for an address or an e-mail address. */
const digestBytes = 16;
/** Stands for the user of an e-mail address without an account, so that both take the same steps. */
const nobody = '00000000-0000-0000-0000-000000000000';

/**
 * Returns the digest by which a user's sessions remember the network that they were last used from. It differs for each
 * user, so that rows do not show which users share a network.
 */
export function placeOf(userId: string, address: string): Uint8Array {
  return digest(`${userId}:${addressGroup(address)}`);
}

/** Returns the key by which attempts at the account of an e-mail address are counted, whether or not it exists. */
export function accountKey(email: string): string {
  return Buffer.from(digest(emailKey(email))).toString('base64url');
}

/**
 * Creates the limits on logins: by network, by account from one network, and by account from all networks. A network that a
 * session of the account was used from is left out of the last one, so that a flood of guesses cannot lock its owner out.
 */
export function createLoginLimits({ database, rateLimits }: { database: Database; rateLimits: RateLimits }) {
  const ofAddress = rateLimits.ofAddress('logins', rates.loginsOfAddress);
  const ofAccountAndAddress = rateLimits.shared('login', rates.logins);
  const ofAccount = rateLimits.shared('account', rates.loginsOfAccount);

  return {
    /** Counts an attempt by its network. Called before the account is looked up. */
    takeOfAddress: (address: string): Promise<void> => ofAddress.take(address),

    /**
     * Counts an attempt by its account, which is known by its e-mail address whether or not it exists.
     * @param email in any form
     * @param userId user of the address; null if there is none
     * @throws RateLimitedError after too many attempts
     */
    async takeOfAccount(email: string, userId: string | null, address: string): Promise<void> {
      const account = accountKey(email);
      await ofAccountAndAddress.take(`${addressGroup(address)}:${account}`);
      const id = userId ?? nobody;
      const familiar = await database.query(selectFamiliar, { userId: id, place: placeOf(id, address) });
      if (familiar.length === 0) await ofAccount.take(account);
    },
  };
}

function digest(text: string): Uint8Array {
  return createHash('sha256').update(text).digest().subarray(0, digestBytes);
}
