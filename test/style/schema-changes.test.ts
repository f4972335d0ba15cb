import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSchema } from 'graphql';
import { afterEach, describe, expect, it } from 'vitest';
import { checkSchema, releaseSchema } from './released-schema.ts';
import { findSchemaProblems } from './schema-changes.ts';

const released = `
  enum Mood { GOOD, BAD @deprecated(reason: "Use GOOD. Removed after 2026-06-01.") }
  input Filter { text: String, limit: Int = 10 }
  union Hit = Room
  type Room { id: ID }
  type Query {
    mood(at: Int = 1): Mood!
    old: String @deprecated(reason: "Use mood. Removed after 2026-06-01.")
    search(by: Filter): [String!]!
    hit: Hit
  }`;

function problemsOf(change: (text: string) => string, options: object = {}): string[] {
  return findSchemaProblems({
    released: buildSchema(released),
    current: buildSchema(change(released)),
    accepted: [],
    unreleased: '',
    today: '2026-05-01',
    ...options,
  });
}

describe('a change of the schema', () => {
  it('may add fields, arguments and types', () => {
    const added = 'mood(at: Int = 1, of: ID): Mood!\n more: Int\n';
    expect(problemsOf((text) => text.replace('mood(at: Int = 1): Mood!', added))).toEqual([]);
  });

  it.each([
    [
      'removes a field',
      (text: string) => text.replace('search(by: Filter): [String!]!', ''),
      'Query.search was removed.',
    ],
    ['makes a field nullable', (text: string) => text.replace('): Mood!', '): Mood'), 'Query.mood changed type'],
    ['demands an argument', (text: string) => text.replace('search(', 'search(in: ID!, '), 'A required arg in'],
    [
      'demands a field of an input',
      (text: string) => text.replace('text: String', 'text: String!'),
      'Filter.text changed',
    ],
    [
      'changes a default of an input',
      (text: string) => text.replace('Int = 10', 'Int = 20'),
      'Filter.limit has changed defaultValue from 10 to 20.',
    ],
    [
      'removes a default of an input',
      (text: string) => text.replace('Int = 10', 'Int'),
      'Filter.limit has changed defaultValue from 10 to undefined.',
    ],
    ['changes a default', (text: string) => text.replace('at: Int = 1', 'at: Int = 2'), 'has changed defaultValue'],
  ])('that %s is refused', (_name, change, description) => {
    const problems = problemsOf(change);
    expect(problems).toEqual([expect.stringContaining(description)]);
    expect(problems[0]).toContain('This breaks clients');
  });

  it('that breaks clients is accepted by name and reason, for as long as it is there', () => {
    const remove = (text: string) => text.replace('search(by: Filter): [String!]!', '');
    const accepted = [{ change: 'Query.search was removed.', reason: 'Nobody used it.' }];
    expect(problemsOf(remove, { accepted })).toEqual([]);
    expect(problemsOf((text) => text, { accepted })).toEqual([expect.stringContaining('was not made')]);
    const silent = [{ change: 'Query.search was removed.', reason: ' ' }];
    expect(problemsOf(remove, { accepted: silent })).toEqual([expect.stringContaining('without a reason')]);
  });

  it('may remove what the release has deprecated, after the day that it named', () => {
    const remove = (text: string) => text.replace(/old: .*/, '').replace(/, BAD .*\) \}/, ' }');
    expect(problemsOf(remove)).toHaveLength(2);
    expect(problemsOf(remove, { today: '2026-06-01' })).toHaveLength(2);
    expect(problemsOf(remove, { today: '2026-06-02' })).toEqual([]);
  });

  it('that deprecates an element says until when it stays', () => {
    const deprecate = (reason: string) => (text: string) =>
      text.replace('text: String', `text: String @deprecated(reason: "${reason}")`);
    expect(problemsOf(deprecate('Use it no longer.'))).toEqual([expect.stringContaining('Filter.text is deprecated')]);
    expect(problemsOf(deprecate('Removed after 2026-99-99.'))).toHaveLength(1);
    expect(problemsOf(deprecate('Removed after 2027-01-01.'))).toEqual([]);
  });

  it('that adds a value to an enum, or a type to a union, is named in the changelog', () => {
    const add = (text: string) => text.replace('GOOD,', 'GOOD, FAIR,');
    expect(problemsOf(add)).toEqual([expect.stringContaining('CHANGELOG.md')]);
    expect(problemsOf(add, { unreleased: '- `Mood.FAIR` is new.' })).toEqual([]);
    const join = (text: string) =>
      text.replace('Hit = Room', 'Hit = Room | Other').replace('type Query', 'type Other { id: ID } type Query');
    expect(problemsOf(join)).toEqual([
      expect.stringContaining('Other was added to union type Hit. Name it in CHANGELOG.md'),
    ]);
  });
});

describe('the released schema', () => {
  let directory = '';
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function copy(current: string): string {
    directory = mkdtempSync(join(tmpdir(), 'parley-schema-'));
    mkdirSync(join(directory, 'schema'));
    const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
    write('schema/schema.graphql', current);
    write('schema/released.graphql', released);
    write('schema/accepted-breaks.json', '[]\n');
    write('CHANGELOG.md', '# Changelog\n\n## [Unreleased]\n\n## [0.1.0]\n\nFAIR\n');
    write('package.json', '{ "version": "0.2.0" }');
    return directory;
  }

  const git = (...given: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', ...given], { cwd: directory });

  it('is compared without git, and the changelog of older releases does not count', () => {
    const current = released.replace('GOOD,', 'GOOD, FAIR,').replace('search(by: Filter): [String!]!', '');
    expect(checkSchema(copy(current), '2026-05-01')).toHaveLength(2);
  });

  it('becomes the present one with a release', () => {
    const current = released.replace('search(by: Filter): [String!]!', '');
    expect(releaseSchema(copy(current), '2026-05-01')).toEqual([]);
    expect(readFileSync(join(directory, 'schema/released.graphql'), 'utf8')).toMatch(/^# Schema of version 0\.2\.0/);
    expect(checkSchema(directory, '2026-05-01')).toEqual([]);
  });

  it('is not published with a deprecation that ends too soon', () => {
    const deprecate = (date: string) =>
      released.replace('text: String', `text: String @deprecated(reason: "Removed after ${date}.")`);
    expect(releaseSchema(copy(deprecate('2026-10-27')), '2026-05-01')).toEqual([expect.stringContaining('2026-10-28')]);
    expect(readFileSync(join(directory, 'schema/released.graphql'), 'utf8')).toBe(released);
    rmSync(directory, { recursive: true });
    expect(releaseSchema(copy(deprecate('2026-10-28')), '2026-05-01')).toEqual([]);
  });

  it('keeps what it has deprecated until the day that it named', () => {
    const current = released.replace('Use mood. Removed after 2026-06-01.', 'Removed after 2026-05-20.');
    expect(releaseSchema(copy(current), '2026-05-01')).toEqual([
      expect.stringContaining('Query.old must stay until 2026-06-01'),
    ]);
  });

  it('must be the one of the last tag', () => {
    copy(released);
    git('init', '-q');
    git('add', '.');
    git('commit', '-qm', 'Release');
    git('tag', 'v0.1.0');
    expect(checkSchema(directory, '2026-05-01')).toEqual([]);
    writeFileSync(join(directory, 'schema/released.graphql'), released.replace(/old: .*/, ''));
    expect(checkSchema(directory, '2026-05-01')).toEqual([expect.stringContaining('last tag')]);
  });
});
