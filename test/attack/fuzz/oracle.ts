import type { Kind, World } from './world.ts';

/** Checks of responses, and how often they found something to see. */
export interface Oracle {
  /** Returns the fault of a response to an operation; null if there is none. */
  check(kind: Kind, request: string, response: string): string | null;
  /** Number of secrets that were seen by viewers who may see them: if there are none, the checks look for the wrong texts. */
  sightings(): number;
  /** Number of responses without errors: operations that the server executed whole. */
  executed(): number;
}

/** Creates the checks of a world: no viewer sees a secret that the policies keep from them, and nothing fails unexpectedly. */
export function createOracle({ secrets }: World): Oracle {
  let seen = 0;
  let executed = 0;
  return {
    check(kind, request, response) {
      if (response.includes('"code":"INTERNAL_SERVER_ERROR"')) return 'an internal error';
      if (/node_modules|\.ts:\d+:\d+/.test(response)) return 'a stack trace';
      if (!response.includes('"errors"') && !response.includes('"type":"error"')) executed++;
      const shown = secrets.filter(({ text }) => response.includes(text));
      seen += shown.filter(({ readers }) => readers.includes(kind)).length;
      // An id that the viewer named may come back: that it exists is not told by it.
      const leaked = shown.find(({ text, readers }) => !readers.includes(kind) && !request.includes(text));
      return leaked ? `a leak to the viewer "${kind}": ${leaked.name}` : null;
    },
    sightings: () => seen,
    executed: () => executed,
  };
}
