/** Options of every benchmark. */
export interface BenchOptions {
  /** Seconds that each measurement takes. */
  seconds: number;
  /** Number of rounds; every target is measured once a round, and the medians are reported. */
  rounds: number;
  /** Names of the targets to measure; empty: all. With a selection nothing is written to the docs. */
  only: readonly string[];
  /** Names of the parts to measure; empty: all. With a selection nothing is written to the docs. */
  parts: readonly string[];
  /** Directory of another built version to measure beside this one; empty: none. Then nothing is written to the docs. */
  against: string;
  /** Minutes of a mixed load. */
  minutes: number;
  /** Ways of running Parley for a mixed load, at the same time: embedded, cluster. */
  modes: readonly string[];
  /** Operations per second of a mixed load. */
  rate: number;
  /** File for the report of a mixed load; empty: none. */
  out: string;
}
