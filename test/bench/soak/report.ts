import { round, table } from '../report.ts';
import type { Sample } from './samples.ts';

/** Number of moments that the tables show besides the first. */
const columns = 6;

/** Formats the samples of a load as tables: memory with its slope in the second half, then sizes, rows and counts. */
export function report(samples: readonly Sample[]): string {
  const shown = Array.from({ length: columns + 1 }, (_, n) => Math.round((n * (samples.length - 1)) / columns));
  const moments = [...new Set(shown)].flatMap((at) => samples[at] ?? []);
  const head = (title: string) => [title, ...moments.map(({ minute }) => `minute ${Math.round(minute * 10) / 10}`)];
  const rowsOf = (key: 'memory' | 'sizes' | 'rows' | 'counts') =>
    namesOf(samples, key).map((name) => [name, ...moments.map((one) => show(one[key][name]))]);
  const memory = rowsOf('memory').map((row) => [...row, slopeOf(samples, String(row[0])).toFixed(1)]);
  return [
    table([...head('resident memory, MB'), 'MB per hour, second half'], memory),
    table(head('size, MB'), rowsOf('sizes')),
    ...(namesOf(samples, 'rows').length > 0 ? [table(head('rows'), rowsOf('rows'))] : []),
    table(head('count'), rowsOf('counts')),
  ].join('\n\n');
}

function show(value: number | undefined): string {
  if (value === undefined) return '';
  return Number.isInteger(value) ? String(value) : round(value);
}

function namesOf(samples: readonly Sample[], key: 'memory' | 'sizes' | 'rows' | 'counts'): string[] {
  return [...new Set(samples.flatMap((one) => Object.keys(one[key])))];
}

/** Returns the slope of a least-squares line through the memory of a process in the second half, in megabytes per hour. */
function slopeOf(samples: readonly Sample[], name: string): number {
  const half = samples.slice(Math.floor(samples.length / 2));
  const [xs, ys] = [half.map(({ minute }) => minute / 60), half.map(({ memory }) => memory[name] ?? 0)];
  const [x, y] = [mean(xs), mean(ys)];
  const above = xs.reduce((sum, one, n) => sum + (one - x) * ((ys[n] ?? 0) - y), 0);
  const below = xs.reduce((sum, one) => sum + (one - x) ** 2, 0);
  return below === 0 ? 0 : above / below;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, one) => sum + one, 0) / Math.max(1, values.length);
}
