import { hash, verify } from '@node-rs/argon2';
import { UnavailableError } from '../errors.ts';

/** Parameters that OWASP recommends for argon2id, the library's default algorithm: 19 MiB, two passes, one lane. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Number of hashes at a time: hashing is CPU-bound, and a flood of sign-ins must not take the whole machine. */
const maxConcurrent = 2;
/** Maximum number of hashes that wait for their turn. */
const maxWaiting = 200;

/** Creates the hashing of passwords by argon2id, with a bounded number of hashes at a time. */
export function createPasswords() {
  const waiting: (() => void)[] = [];
  let running = 0;
  const decoy = hash('no password is this one', cost);

  return {
    /** Returns the hash of a password. @throws UnavailableError when too many hashes wait */
    hash: (password: string): Promise<string> => bounded(() => hash(password, cost)),

    /**
     * Returns whether a password matches a hash. Without a hash it takes equally long and returns false, so that the
     * duration does not reveal which addresses have an account.
     * @throws UnavailableError when too many hashes wait
     */
    async matches(passwordHash: string | null, password: string): Promise<boolean> {
      const known = passwordHash ?? (await decoy);
      return (await bounded(() => verify(known, password))) && passwordHash !== null;
    },
  };

  async function bounded<Result>(work: () => Promise<Result>): Promise<Result> {
    await acquire();
    try {
      return await work();
    } finally {
      release();
    }
  }

  async function acquire(): Promise<void> {
    if (running < maxConcurrent) {
      running++;
      return;
    }
    if (waiting.length >= maxWaiting)
      throw new UnavailableError('Too many users are signing in. Try again in a moment.');
    await new Promise<void>((resolve) => waiting.push(resolve));
  }

  /** Passes the slot on to the next in line. */
  function release(): void {
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}

export type Passwords = ReturnType<typeof createPasswords>;
