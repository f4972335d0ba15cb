/**
 * Maximum time in milliseconds that a test waits for an event. It only bounds a run that hangs: it is long enough for one
 * core that other programs use too, so no test fails because the machine is slow.
 */
export const patienceMs = 120_000;

/** Maximum time in milliseconds of one test or hook. */
export const testTimeoutMs = 300_000;

/** Settings of a server whose own limits on time must not end an operation on a slow machine. */
export const patientSettings = {
  PICTURE_TIMEOUT_MS: String(patienceMs),
  SEND_TIMEOUT_MS: String(patienceMs),
  EXECUTION_TIMEOUT_MS: String(patienceMs),
  DATABASE_STATEMENT_TIMEOUT_MS: String(patienceMs),
} as const;
