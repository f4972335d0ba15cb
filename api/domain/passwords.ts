import { hash, verify } from '@node-rs/argon2';
import { UnavailableError } from '../errors.ts';
import { createFairQueue } from '../fair-queue.ts';
import { hashedPasswords, normalisePassword } from '../text/passwords.ts';

/** Parameters of argon2id, the library's default algorithm. */
export interface HashCost {
  /** KiB of memory. */
  memoryCost: number;
  /** Number of passes. */
  timeCost: number;
  /** Number of lanes. */
  parallelism: number;
}

/** Parameters that OWASP recommends: 19 MiB, two passes, one lane. */
const recommended: HashCost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Number of hashes at a time: hashing is CPU-bound, and a flood of sign-ins must not take the whole machine. */
const maxConcurrent = 2;
/** Maximum number of hashes that wait for their turn. */
const maxWaiting = 200;
/** Maximum number of hashes of one caller that wait for their turn. */
const maxWaitingOfCaller = 50;

/**
 * Creates the hashing of passwords by argon2id, with a bounded number of hashes at a time. Callers take turns: one
 * that sends many passwords waits for itself.
 * @param cost parameters of new hashes
 */
export function createPasswords(cost: HashCost = recommended) {
  const queue = createFairQueue({
    concurrency: maxConcurrent,
    maxWaiting,
    maxWaitingOfKey: maxWaitingOfCaller,
    onFull: () => new UnavailableError('Too many users are signing in. Try again in a moment.'),
  });
  const decoy = hash('no password is this one', cost);

  return {
    /**
     * Returns the hash of a password, brought into its normal form.
     * @param caller by which hashes take turns: the caller's network, or id if the caller is signed in
     * @throws UnavailableError when too many hashes wait
     */
    hash: (password: string, caller: string): Promise<string> =>
      queue.run(caller, () => hash(normalisePassword(password), cost)),

    /**
     * Returns whether a password matches a hash. Without a hash it takes equally long and returns false, so that the
     * duration does not reveal which addresses have an account. A password that is not in its normal form is also tried as
     * it is, because former releases hashed it so: it takes twice as long, with or without a hash.
     * @throws UnavailableError when too many hashes wait
     */
    async matches(passwordHash: string | null, password: string, caller: string): Promise<boolean> {
      const known = passwordHash ?? (await decoy);
      for (const form of hashedPasswords(password))
        if (await queue.run(caller, () => verify(known, form))) return passwordHash !== null;
      return false;
    },
  };
}

export type Passwords = ReturnType<typeof createPasswords>;
