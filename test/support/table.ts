/** Row of a report: a cell by the name of its column. */
export type Row = Record<string, string | number>;

/** Prints rows as a Markdown table that is aligned for reading in a terminal as well. */
export function printTable(title: string, rows: readonly Row[]): void {
  const [first] = rows;
  if (first === undefined) return;
  const columns = Object.keys(first);
  const lines = [columns, ...rows.map((row) => columns.map((name) => format(row[name] ?? '')))];
  const widths = columns.map((_, n) => Math.max(...lines.map((line) => line[n]?.length ?? 0)));
  const isNumber = columns.map((name) => typeof first[name] === 'number');
  const toLine = (cells: readonly string[]) => `| ${cells.map((cell, n) => pad(cell, n)).join(' | ')} |`;
  const pad = (cell: string, n: number) => (isNumber[n] ? cell.padStart(widths[n] ?? 0) : cell.padEnd(widths[n] ?? 0));
  const rule = `|${widths.map((width, n) => '-'.repeat(width + 1) + (isNumber[n] ? ':' : '-')).join('|')}|`;
  const [head = [], ...body] = lines;
  console.info(`\n${title}\n\n${[toLine(head), rule, ...body.map(toLine)].join('\n')}\n`);
}

function format(cell: string | number): string {
  if (typeof cell === 'string') return cell;
  return cell >= 100 || Number.isInteger(cell) ? String(Math.round(cell)) : cell.toFixed(1);
}
