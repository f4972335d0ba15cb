import { NotReadyError } from '../../errors.ts';
import { sqlState } from './database.ts';

/** Milliseconds for which a failed write counts unless another one succeeds: work that waits is tried again more often. */
const rememberMs = 30_000;

/** PostgreSQL's codes of writes that fail as long as an operator does nothing, with their reasons. */
const reasons: Readonly<Record<string, string>> = {
  '25006': 'it is read-only. Check that DATABASE_URL names the primary server, and that its disk is not full',
  '53100': 'its disk is full. Free some space there',
  '58030': 'its disk reports errors. Check the disk of its server',
};

/** Watches the writes of a database: it may still respond to queries while every change fails. */
export function createWriteFaults() {
  let last: { code: string; at: number } | null = null;

  return {
    /** Takes note of the error of a statement. */
    note(error: unknown): void {
      const code = sqlState(error) ?? sqlState(error instanceof Error ? error.cause : null);
      if (code !== null && code in reasons) last = { code, at: performance.now() };
    },
    /** Takes note of a change that was committed. */
    succeeded(): void {
      last = null;
    },
    /**
     * Checks that changes can be stored, as far as that is known.
     * @param isReadOnly whether the database says that it takes no changes
     * @throws NotReadyError with the remedy
     */
    check(isReadOnly: boolean): void {
      const isRecent = last !== null && performance.now() - last.at < rememberMs;
      const code = isReadOnly ? '25006' : isRecent ? last?.code : undefined;
      if (code !== undefined) throw new NotReadyError(`PostgreSQL stores no changes: ${reasons[code]}.`);
    },
  };
}
