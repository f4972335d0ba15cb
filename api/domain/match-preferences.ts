import type { FieldProblem } from '../errors.ts';
import { textProblem, throwProblems } from './text.ts';

/** Partners that a user prefers. */
export interface MatchPreferences {
  /** Topics; partners who share one come first. */
  tags: readonly string[];
  /** Accept only a partner who shares a tag. */
  strict: boolean;
}

const maxTags = 10;
/** Longest tag, in Unicode code points. */
const maxTagLength = 30;

/**
 * Returns tags in the form in which they are compared, without duplicates.
 * @throws BadUserInputError for too many tags, or tags that are empty, too long or cannot be stored
 */
export function normaliseTags(tags: readonly string[]): string[] {
  const normalised = tags.map((tag) => tag.normalize('NFKC').trim().toLowerCase());
  const problems = normalised.flatMap(tagProblems);
  if (tags.length > maxTags) problems.push({ path: 'input.tags', message: `must be at most ${maxTags} tags` });
  throwProblems(problems);
  return [...new Set(normalised)];
}

function tagProblems(tag: string, n: number): FieldProblem[] {
  const { length } = [...tag];
  const message = length < 1 || length > maxTagLength ? `must be 1 to ${maxTagLength} characters` : textProblem(tag);
  return message ? [{ path: `input.tags.${n}`, message }] : [];
}
