import { checkSchema, releaseSchema } from './released-schema.ts';

/**
 * Checks that the schema breaks no client of the last release. With `--release` it makes the present schema the released one
 * instead.
 */
function main(): void {
  const today = new Date().toISOString().slice(0, 10);
  const isRelease = process.argv.includes('--release');
  const problems = isRelease ? releaseSchema('.', today) : checkSchema('.', today);
  for (const problem of problems) console.error(problem);
  if (problems.length === 0) return;
  if (!isRelease)
    console.error('docs/development.md says how to change the schema, and how to accept a change that breaks clients.');
  process.exitCode = 1;
}

main();
