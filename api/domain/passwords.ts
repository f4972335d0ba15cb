import { hash, verify } from '@node-rs/argon2';
import { UnavailableError } from '../errors.ts';

/** OWASP's parameters for argon2id (which is the library's default algorithm): 19 MiB, two passes, one lane. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Hashing is CPU-bound: a flood of it must not take the machine. */
const atOnce = 2;
const maxWaiting = 200;

/** Password hashes: argon2id, a bounded number of them at a time. */
export function createPasswords() {
  const waiting: (() => void)[] = [];
  let running = 0;
  const decoy = hash('no password is this one', cost);

  async function take(): Promise<void> {
    if (running < atOnce) {
      running++;
      return;
    }
    if (waiting.length >= maxWaiting)
      throw new UnavailableError('Too many are signing in just now: try again in a moment.');
    await new Promise<void>((resolve) => waiting.push(resolve));
  }

  async function bounded<Result>(work: () => Promise<Result>): Promise<Result> {
    await take();
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  }

  return {
    hash: (password: string): Promise<string> => bounded(() => hash(password, cost)),
    /** Takes as long when there is no hash: what an unknown address answers tells nothing. */
    async matches(passwordHash: string | null, password: string): Promise<boolean> {
      const known = passwordHash ?? (await decoy);
      return (await bounded(() => verify(known, password))) && passwordHash !== null;
    },
  };
}
