import type { FieldProblem } from '../errors.ts';
import type { SomeSettings, Visibility } from '../events.ts';
import { readText } from '../text/text-kinds.ts';
import { throwProblems } from './text.ts';

/** Maximum number of seconds between two messages of one member in a room in slow mode: six hours. */
export const maxSlowModeSeconds = 21_600;

/** Properties of a room as a client sends them; null for one that the client leaves out. */
export interface RoomInput {
  name: string | null;
  visibility: Visibility | null;
  description: string | null;
  settings: SomeSettings | null;
}

/**
 * Returns the properties of a room in the form in which they are stored.
 * @param path beginning of the paths of problems, such as `input.`
 * @param others problems of other arguments, thrown together with those found here
 * @throws BadUserInputError that lists all problems
 */
export function readRoom(input: RoomInput, path: string, others: readonly FieldProblem[] = []): RoomInput {
  const name = input.name === null ? absent : readText('roomName', input.name, `${path}name`);
  const description =
    input.description === null ? absent : readText('description', input.description, `${path}description`);
  throwProblems([
    ...name.problems,
    ...description.problems,
    ...slowModeProblems(input.settings, `${path}settings.slowModeSeconds`),
    ...others,
  ]);
  return { ...input, name: name.value, description: description.value };
}

const absent = { value: null, problems: [] };

function slowModeProblems(settings: SomeSettings | null, path: string): FieldProblem[] {
  const seconds = settings?.slowModeSeconds ?? 0;
  const isValid = seconds >= 0 && seconds <= maxSlowModeSeconds;
  return isValid ? [] : [{ path, message: `must be 0 to ${maxSlowModeSeconds} seconds` }];
}
