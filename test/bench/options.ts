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
}
