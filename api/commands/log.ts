#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { AcceptError, type AcceptedOffset, createLogAcceptance } from '../bridge/accept-log.ts';
import { createLifecycle } from '../compose/lifecycle.ts';
import { openLogPorts } from '../compose/ports.ts';
import { readConfig } from '../config.ts';
import { DatabaseUnavailableError } from '../infra/database/database.ts';
import { createLogger } from '../logger.ts';
import { surviveLostOutput } from '../lost-output.ts';
import { explainStart } from '../start-errors.ts';
import { listenForStop } from '../stop-signals.ts';

const unchanged = 'Nothing was changed: repeat the command with --yes.\n';
const usage = `Compares the event log with the database, and lets bridges continue with a log that they refuse.

  npm run log -- status
  npm run log -- accept --partition N --from begin|end|OFFSET --yes
  npm run log -- accept --partitions --yes

Without --yes nothing changes. See "The log is not the one that the database has applied" in docs/operations.md.
`;

type Acceptance = ReturnType<typeof createLogAcceptance>;

/** Runs the operator's command with the settings of a bridge. */
async function main(): Promise<void> {
  const run = readCommand();
  const config = readConfig();
  if (config.KAFKA_BROKERS === undefined)
    throw new AcceptError(
      'There is nothing to compare: without KAFKA_BROKERS the log is in the memory of the server. Run this with the settings of a bridge.',
    );
  const logger = createLogger('error');
  const stopping = listenForStop();
  const { open, stop } = createLifecycle({ logger, stopMs: config.STOP_TIMEOUT_MS, stopping });
  try {
    const { log, database } = await openLogPorts({ config, logger, open, stopping });
    const acceptance = createLogAcceptance(log, database);
    await run(acceptance);
    print(await acceptance.status());
  } finally {
    await stop();
  }
}

/**
 * Returns the work that precedes the print of the state of the log: none for `status`, the acceptance for `accept`.
 * @throws AcceptError when the arguments make no sense
 */
function readCommand(): (acceptance: Acceptance) => Promise<void> {
  const { positionals, values } = readArguments();
  const { partition, partitions, from, yes } = values;
  const [command] = positionals;
  const given = Object.keys(values).length;
  if (positionals.length !== 1) throw new AcceptError(usage);
  if (command === 'status' && given === 0) return async () => {};
  const isPosition = partition !== undefined && from !== undefined && !partitions;
  const isCount = partitions === true && partition === undefined && from === undefined;
  if (command !== 'accept' || !(isPosition || isCount)) throw new AcceptError(usage);
  const position = isPosition ? { partition: Number(readOffset(partition)), from: readFrom(from) } : null;
  if (position) return (acceptance) => acceptPosition(acceptance, { ...position, yes });
  return yes ? acceptCount : async () => write(unchanged);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        partition: { type: 'string' },
        partitions: { type: 'boolean' },
        from: { type: 'string' },
        yes: { type: 'boolean' },
      },
    });
  } catch {
    throw new AcceptError(usage);
  }
}

/** Says which changes are lost, before and after they are. */
async function acceptPosition(
  acceptance: Acceptance,
  { partition, from, yes = false }: { partition: number; from: AcceptedOffset; yes?: boolean | undefined },
): Promise<void> {
  const { next, skipped, repeated } = await (yes ? acceptance.accept : acceptance.preview)(partition, from);
  write(`Partition ${partition} ${yes ? 'continues' : 'would continue'} at offset ${next}.\n`);
  if (skipped > 0n) write(`Records that were not applied and never will be: ${skipped}.\n`);
  if (repeated > 0n) write(`Records that were applied already and are read again: ${repeated}.\n`);
  if (!yes) write(unchanged);
}

async function acceptCount(acceptance: Acceptance): Promise<void> {
  write(`The log has ${await acceptance.acceptPartitionCount()} partitions from now on.\n`);
}

function readFrom(text: string): AcceptedOffset {
  return text === 'begin' || text === 'end' ? text : readOffset(text);
}

function readOffset(text: string): bigint {
  if (!/^\d{1,18}$/.test(text)) throw new AcceptError(`"${text}" is not a number of a partition or an offset.`);
  return BigInt(text);
}

function print(partitions: Awaited<ReturnType<ReturnType<typeof createLogAcceptance>['status']>>): void {
  for (const { partition, next, begin, end, problem } of partitions)
    write(`partition ${partition}: next ${next}, log ${begin} to ${end}: ${problem ?? 'ok'}\n`);
}

function write(text: string): void {
  process.stdout.write(text);
}

surviveLostOutput();
main().catch((error: unknown) => {
  const isPlain = [AcceptError, DatabaseUnavailableError].some((kind) => error instanceof kind);
  process.stderr.write(`${isPlain && error instanceof Error ? error.message : explainStart(error)}\n`);
  process.exitCode = 1;
});
