import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSchema, type GraphQLSchema } from 'graphql';
import { type AcceptedBreak, findSchemaProblems, findShortDeprecations } from './schema-changes.ts';

const files = {
  current: 'schema/schema.graphql',
  released: 'schema/released.graphql',
  accepted: 'schema/accepted-breaks.json',
};

/**
 * Compares the schema of a working copy with that of the last release, `schema/released.graphql`. If the copy has a tag, the
 * released schema must be the one of that tag; clones without tags have the file all the same.
 * @param directory root of the working copy
 * @param today date as `YYYY-MM-DD`
 * @returns one sentence for each problem
 */
export function checkSchema(directory: string, today: string): string[] {
  const read = (name: string) => readFileSync(join(directory, name), 'utf8');
  const tagged = readTagged(directory);
  const released = read(files.released);
  const isStale = tagged !== null && withoutHead(released) !== withoutHead(tagged);
  return [
    ...(isStale
      ? [`${files.released} is not the schema of the last tag: npm run release:schema belongs to a release.`]
      : []),
    ...findSchemaProblems({
      released: buildSchema(released),
      current: buildSchema(read(files.current)),
      accepted: JSON.parse(read(files.accepted)) as AcceptedBreak[],
      unreleased: unreleasedSection(read('CHANGELOG.md')),
      today,
    }),
  ];
}

/**
 * Makes the present schema the released one, with no accepted breaks, as a part of a release.
 * @param directory root of the working copy
 * @param today date as `YYYY-MM-DD`
 * @returns one sentence for each reason not to; then nothing is written
 */
export function releaseSchema(directory: string, today: string): string[] {
  const read = (name: string) => readFileSync(join(directory, name), 'utf8');
  const schemaOf = (name: string): GraphQLSchema => buildSchema(read(name));
  const problems = findShortDeprecations(schemaOf(files.released), schemaOf(files.current), today);
  if (problems.length > 0) return problems;
  const { version } = JSON.parse(read('package.json')) as { version: string };
  writeFileSync(
    join(directory, files.released),
    `# Schema of version ${version}, by npm run release:schema.\n\n${read(files.current)}`,
  );
  writeFileSync(join(directory, files.accepted), '[]\n');
  return [];
}

/** Returns the schema at the last tag before the present commit; null without a tag or without git. */
function readTagged(directory: string): string | null {
  const git = (...given: string[]) =>
    execFileSync('git', given, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    return git('show', `${git('describe', '--tags', '--abbrev=0', '--match', 'v[0-9]*').trim()}:${files.current}`);
  } catch {
    return null;
  }
}

const withoutHead = (text: string) => text.replace(/^(#.*\n)+\n*/, '');

function unreleasedSection(changelog: string): string {
  return changelog.split(/^## /m).find((section) => section.startsWith('[Unreleased]')) ?? '';
}
