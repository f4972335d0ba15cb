import { createRequiredContext } from '../ui/required-context.ts';
import type { Matching } from './matching.ts';

/** The viewer's match or search for a stranger. Available when signed in. */
export const [MatchingContext, useMatching] = createRequiredContext<Matching>('MatchingContext');
