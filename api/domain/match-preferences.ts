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
 * Returns preferences with tags in the form in which they are compared, without duplicates.
 * @throws BadUserInputError for too many tags, tags that are empty, too long or cannot be stored, and `strict` without a tag
 */
export function normalisePreferences({ tags, strict }: MatchPreferences): MatchPreferences {
  const read = tags.map((tag, n) => readText('tag', tag, `input.tags.${n}`));
  const problems = read.flatMap((tag) => tag.problems);
  if (tags.length > maxTags) problems.push({ path: 'input.tags', message: `must be at most ${maxTags} tags` });
  // Nobody shares a tag with someone who has none: the wait would be in vain.
  if (strict && tags.length === 0) problems.push({ path: 'input.strict', message: 'needs at least one tag' });
  throwProblems(problems);
  return { tags: [...new Set(read.map(({ value }) => value))], strict };
}
