#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { AcceptError, type AcceptedOffset, createLogAcceptance } from '../bridge/accept-log.ts';
import { createLifecycle } from '../compose/lifecycle.ts';
import { openLogPorts } from '../compose/ports.ts';
import { ConfigError, readConfig } from '../config.ts';
import { createLogger } from '../logger.ts';

const usage = `Compares the event log with the database, and lets bridges continue with a log that they refuse.

  npm run log -- status
  npm run log -- accept --partition N --from begin|end|OFFSET --yes
  npm run log -- accept --partitions --yes

Without --yes nothing changes. See "The log is not the one that the database has applied" in docs/operations.md.
`;

/** Runs the operator's command with the settings of a bridge. */
async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      partition: { type: 'string' },
      partitions: { type: 'boolean' },
      from: { type: 'string' },
      yes: { type: 'boolean' },
    },
  });
  const [command] = positionals;
  if (command !== 'status' && command !== 'accept') throw new AcceptError(usage);
  const config = readConfig();
  if (config.KAFKA_BROKERS === undefined)
    throw new AcceptError('Set KAFKA_BROKERS: the log within a process always follows its database.');
  const { open, stop } = createLifecycle();
  try {
    const { log, database } = await openLogPorts(config, createLogger('error'), open);
    const acceptance = createLogAcceptance(log, database);
    if (command === 'accept') await accept(acceptance, values);
    print(await acceptance.status());
  } finally {
    await stop();
  }
}

async function accept(
  acceptance: ReturnType<typeof createLogAcceptance>,
  values: { partition?: string; partitions?: boolean; from?: string; yes?: boolean },
): Promise<void> {
  const isPosition = values.partition !== undefined && values.from !== undefined && !values.partitions;
  const isCount = values.partitions === true && values.partition === undefined && values.from === undefined;
  if (!isPosition && !isCount) throw new AcceptError(usage);
  if (isCount && values.yes)
    return write(`The log has ${await acceptance.acceptPartitionCount()} partitions from now on.\n`);
  if (isPosition) await acceptPosition(acceptance, Number(readOffset(values.partition)), values);
  if (!values.yes) write('Nothing was changed: repeat the command with --yes.\n');
}

/** Says which changes are lost, before and after they are. */
async function acceptPosition(
  acceptance: ReturnType<typeof createLogAcceptance>,
  partition: number,
  { from, yes }: { from?: string; yes?: boolean },
): Promise<void> {
  const wanted = readFrom(from);
  const { next, skipped, repeated } = await (yes ? acceptance.accept : acceptance.preview)(partition, wanted);
  write(`Partition ${partition} ${yes ? 'continues' : 'would continue'} at offset ${next}.\n`);
  if (skipped > 0n) write(`Records that were not applied and never will be: ${skipped}.\n`);
  if (repeated > 0n) write(`Records that were applied already and are read again: ${repeated}.\n`);
}

function readFrom(text = ''): AcceptedOffset {
  return text === 'begin' || text === 'end' ? text : readOffset(text);
}

function readOffset(text = ''): bigint {
  if (!/^\d{1,18}$/.test(text)) throw new AcceptError(`"${text}" is not a number.`);
  return BigInt(text);
}

function print(partitions: Awaited<ReturnType<ReturnType<typeof createLogAcceptance>['status']>>): void {
  for (const { partition, next, begin, end, problem } of partitions)
    write(`partition ${partition}: next ${next}, log ${begin} to ${end}: ${problem ?? 'ok'}\n`);
}

function write(text: string): void {
  process.stdout.write(text);
}

main().catch((error: unknown) => {
  const isPlain = error instanceof AcceptError || error instanceof ConfigError;
  process.stderr.write(`${error instanceof Error ? (isPlain ? error.message : error.stack) : error}\n`);
  process.exitCode = 1;
});
