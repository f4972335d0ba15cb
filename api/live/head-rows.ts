import type { Head } from '../events.ts';
import { columns, type Row } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';

/** Columns of a head, of a channel `c`. */
export const headColumns = columns(tables.channel, 'c', ['id', 'position', 'seq', 'version', 'trimmedSeq']);

/** Returns the head of a row. Any property may have changed since another head was known. */
export function toHead({ id: channelId, position, seq, version, trimmedSeq }: Row<typeof headColumns.row>): Head {
  return { channelId, position, seq, version, trimmedSeq, partition: -1, offset: -1, changed: true, through: -1 };
}
