import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { exceptions, patterns } from './patterns.ts';

/** A piece of prose of one file: a comment, a description, a message or a line of a page. */
interface Passage {
  file: string;
  line: number;
  text: string;
}

const ignored =
  /^(client\/src\/(urql\/)?gql|schema\/released\.graphql|test\/support\/compose-spec\.json|package-lock\.json|LICENSE|test\/style)/;
const comment = /(?:^|\s)(?:\/\/|\/?\*+(?!\/)|#(?=\s)|--(?=\s))\s?(?<text>.*)$/;
const sentence = /'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g;

/**
 * Checks descriptions, docs, comments and messages against the wording rules of `docs/style.md`.
 * With `--count` it prints how often each pattern occurs per 1,000 words instead of failing.
 */
function main(): void {
  const passages = trackedFiles().flatMap(readPassages);
  if (process.argv.includes('--count')) printCounts(passages);
  else failOnProblems(passages);
}

function failOnProblems(passages: readonly Passage[]): void {
  const problems = passages.flatMap(findProblems);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) {
    console.error(
      `${problems.length} passages are not written as docs/style.md asks. Exceptions: test/style/patterns.ts`,
    );
    process.exitCode = 1;
  }
}

/** Files that git tracks or would track, restricted to the paths given as arguments. */
function trackedFiles(): string[] {
  const paths = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...paths], {
    encoding: 'utf8',
  });
  return list.split('\n').filter((file) => file !== '' && !ignored.test(file));
}

function readPassages(file: string): Passage[] {
  const lines = () => readFileSync(file, 'utf8').split('\n');
  if (/\.(md|graphql)$/.test(file) || file.endsWith('.env.example')) {
    return lines().map((text, index) => ({ file, line: index + 1, text: withoutCode(text) }));
  }
  if (/\.(tsx?|js|mjs|css|sql|prisma|ya?ml|cfg)$|Dockerfile|\.ci\/run$/.test(file)) {
    return lines().flatMap((text, index) => readLine(text).map((found) => ({ file, line: index + 1, text: found })));
  }
  return [];
}

/** Comments of a line, and its string literals of at least four words. */
function readLine(line: string): string[] {
  const said = comment.exec(line)?.groups?.['text'];
  if (said !== undefined) return [withoutCode(said)];
  const strings = [...line.matchAll(sentence)].map(
    ([, single, double, template]) => single ?? double ?? template ?? '',
  );
  return strings.filter((text) => text.split(/\s+/).length >= 4 && !/\b(SELECT|FROM|WHERE|SET|VALUES)\b/.test(text));
}

function withoutCode(text: string): string {
  return text.replace(/`[^`]*`/g, '`…`').replace(/\]\([^)]*\)/g, ']');
}

function findProblems({ file, line, text }: Passage): string[] {
  if (exceptions.some((allowed) => allowed.file === file && text.includes(allowed.text))) return [];
  return patterns
    .filter(({ pattern }) => pattern.test(text))
    .map(({ instead }) => `${file}:${line}: ${text.trim()}\n    ${instead}`);
}

function printCounts(passages: readonly Passage[]): void {
  const words = passages.reduce((sum, { text }) => sum + (text.match(/[A-Za-z][\w’'-]*/g)?.length ?? 0), 0);
  console.log(`${words} words`);
  for (const { name, pattern } of patterns) {
    const every = new RegExp(pattern.source, `${pattern.flags}g`);
    const found = passages.reduce((sum, { text }) => sum + (text.match(every)?.length ?? 0), 0);
    console.log(
      `${name.padEnd(24)} ${String(found).padStart(5)}  ${((found * 1_000) / words).toFixed(2)} per 1,000 words`,
    );
  }
}

main();
