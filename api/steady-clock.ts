/**
 * Returns the time in epoch milliseconds by a clock that never steps: the time at which the process started plus its age.
 * For leases and windows, whose length matters: the system's clock may be set back by hours.
 */
export const steadyNow = (): number => performance.timeOrigin + performance.now();
