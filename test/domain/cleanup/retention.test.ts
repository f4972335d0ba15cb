import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { tables } from '../../../api/infra/database/tables.ts';

it('docs/operations.md has a rule for the growth of every table', async () => {
  const text = await readFile(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
  const section = text.split('## Growth and retention')[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  const rules = rows.map((line) => line.split('|').map((cell) => cell.trim()));
  expect(rules.map(([, table]) => table?.replaceAll('`', '')).sort()).toEqual(
    Object.values(tables)
      .map(({ name }) => name)
      .sort(),
  );
  for (const [, table, growth, rule] of rules) expect([table, growth, rule].every((cell) => cell)).toBe(true);
});
