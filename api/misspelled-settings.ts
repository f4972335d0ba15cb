import { settings } from './settings.ts';

/** Number of characters of a name for each of which one may be wrong. */
const charactersPerMistake = 5;
const known = Object.keys(settings.shape);

/**
 * Finds environment variables that are not settings and look like one: written without underscores or in lower case, or with a
 * few wrong characters. A setting that is set itself was not meant.
 * @returns names of variables, each with the setting that was probably meant
 */
export function misspelledSettings(environment: NodeJS.ProcessEnv): { name: string; meant: string }[] {
  const missing = known.filter((setting) => environment[setting] === undefined);
  return Object.keys(environment).flatMap((name) => {
    if (known.includes(name)) return [];
    const meant = missing.find((setting) => bare(setting) === bare(name)) ?? missing.find((one) => isClose(one, name));
    return meant === undefined ? [] : [{ name, meant }];
  });
}

function bare(name: string): string {
  return name.toUpperCase().replace(/[^A-Z\d]/g, '');
}

/** Short names are never close: HOME is not HOST. */
function isClose(setting: string, name: string): boolean {
  const mistakes = setting.length < 8 ? 0 : Math.floor(setting.length / charactersPerMistake);
  return Math.abs(setting.length - name.length) <= mistakes && distance(setting, name) <= mistakes;
}

/** Returns the Levenshtein distance of two texts. */
function distance(first: string, second: string): number {
  let row = Array.from({ length: second.length + 1 }, (_, n) => n);
  for (const [n, character] of [...first].entries()) {
    const next = [n + 1];
    for (let m = 0; m < second.length; m++) {
      const replaced = (row[m] ?? 0) + (character === second[m] ? 0 : 1);
      next.push(Math.min(replaced, (row[m + 1] ?? 0) + 1, (next[m] ?? 0) + 1));
    }
    row = next;
  }
  return row[second.length] ?? 0;
}
