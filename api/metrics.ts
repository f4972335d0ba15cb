import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** Metrics of Node: their observers live as long as the process, so an app that has stopped may not be referred to by them. */
const ofNode = new Registry();
collectDefaultMetrics({ register: ofNode });

/** Creates the metrics of this process, served at `/metrics`. */
export function createMetrics() {
  const registry = new Registry();
  const counter = (name: string, help: string) => new Counter({ name: `parley_${name}`, help, registers: [registry] });
  const applied = counter('events_applied_total', 'Events that the bridge applied.');
  const deadLettered = counter(
    'events_set_aside_total',
    'Records that could not be applied and went to the dead-letter topic.',
  );
  const publishFailed = counter(
    'publish_failures_total',
    'Signals that could not be published at once; they are repeated until they are.',
  );
  const attemptsFailed = new Counter({
    name: 'parley_apply_failures_total',
    help: 'Failed attempts to apply records of a partition, which are repeated, by cause.',
    labelNames: ['cause'],
    registers: [registry],
  });
  const appliedAlone = new Counter({
    name: 'parley_partition_transactions_total',
    help: 'Transactions for a single partition, which could not share one: quick ones, and slow ones that wait longer.',
    labelNames: ['lane'],
    registers: [registry],
  });
  const gapsFilled = counter('feed_gaps_filled_total', 'Gaps in feeds that were filled from the database.');
  const recentEvicted = counter(
    'recent_evictions_total',
    'Recent entries that were dropped from memory because of the limit of the process.',
  );
  const backlogDropped = counter(
    'backlog_drops_total',
    'Pages of resuming clients that did not read, dropped from memory because others waited.',
  );
  const executed = counter('executions_total', 'Executions of a selection over an event, for one or more subscribers.');
  const delivered = counter('deliveries_total', 'Results of live subscriptions that were queued for a socket.');
  const gaveUp = counter(
    'live_pages_given_up_total',
    'Pages of events that could not be read or executed for so long that their subscribers were ended.',
  );
  const refused = new Counter({
    name: 'parley_refusals_total',
    help: 'Requests and connections refused by a limit.',
    labelNames: ['limit'],
    registers: [registry],
  });
  const slowCloses = counter('slow_closes_total', 'Sockets closed because the client read too slowly.');
  const removed = new Counter({
    name: 'parley_rows_removed_total',
    help: 'Rows that the cleanup removed, by table, and objects of the file store.',
    labelNames: ['table'],
    registers: [registry],
  });

  return {
    bridge: {
      applied: (events: number) => applied.inc(events),
      deadLettered: () => deadLettered.inc(),
      publishFailed: () => publishFailed.inc(),
      attemptFailed: (cause: string) => attemptsFailed.inc({ cause }),
      appliedAlone: (lane: string) => appliedAlone.inc({ lane }),
    },
    audiences: {
      executed: (items: number) => executed.inc(items),
      delivered: (items: number) => delivered.inc(items),
      gaveUp: () => gaveUp.inc(),
    },
    /** Counts a refusal. @param limit name of a rate, or of a bound on connections */
    onRefused: (limit: string) => refused.inc({ limit }),
    onSlowClose: () => slowCloses.inc(),
    /** Counts rows that the cleanup removed. */
    onRemoved: (table: string, rows: number) => removed.inc({ table }, rows),
    onGapFilled: () => gapsFilled.inc(),
    /** Registers a counter that is kept elsewhere and read at each scrape. */
    count(name: string, help: string, read: () => number): void {
      new Counter({
        name: `parley_${name}`,
        help,
        registers: [registry],
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    },
    onBacklogDropped: () => backlogDropped.inc(),
    onRecentEvicted: () => recentEvicted.inc(),
    /** Registers a gauge whose value is read at each scrape. */
    gauge(name: string, help: string, read: () => number): void {
      new Gauge({
        name: `parley_${name}`,
        help,
        registers: [registry],
        collect() {
          this.set(read());
        },
      });
    },
    text: async () => ({ type: registry.contentType, text: `${await ofNode.metrics()}${await registry.metrics()}` }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
