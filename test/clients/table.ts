import type { ClientRow } from './clients.ts';
import { type Step, steps } from './scenario.ts';

const start = '<!-- clients: made by npm run test:clients -->\n';
const end = '<!-- /clients -->';

/** A client, and the steps of the scenario that it passed. */
export interface ClientResult {
  client: ClientRow;
  passed: ReadonlySet<Step>;
}

/** Returns a page with the table of the results in place of the table that it has. */
export async function withTable(page: string, results: readonly ClientResult[]): Promise<string> {
  const head = ['client', 'version', 'events over', ...steps];
  const rows = await Promise.all(results.map(toCells));
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`The page has no place for the table: ${start}${end}`);
  return `${page.slice(0, from)}${start}${lines.join('\n')}\n${page.slice(to)}`;
}

async function toCells({ client, passed }: ClientResult): Promise<string[]> {
  const { name, transport, version } = client;
  return [name, await version(), transport, ...steps.map((step) => (passed.has(step) ? 'yes' : 'no'))];
}
