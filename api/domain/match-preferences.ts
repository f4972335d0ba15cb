import { readText } from '../text/text-kinds.ts';
import { throwProblems } from './text.ts';

/** Partners that a user prefers. */
export interface MatchPreferences {
  /** Topics; partners who share one come first. */
  tags: readonly string[];
  /** Accept only a partner who shares a tag. */
  strict: boolean;
}

const maxTags = 10;

/**
 * Returns tags in the form in which they are compared, without duplicates.
 * @throws BadUserInputError for too many tags, or tags that are empty, too long or cannot be stored
 */
export function normaliseTags(tags: readonly string[]): string[] {
  const read = tags.map((tag, n) => readText('tag', tag, `input.tags.${n}`));
  const problems = read.flatMap((tag) => tag.problems);
  if (tags.length > maxTags) problems.push({ path: 'input.tags', message: `must be at most ${maxTags} tags` });
  throwProblems(problems);
  return [...new Set(read.map(({ value }) => value))];
}
