import { createRequiredContext } from '../ui/required-context.ts';
import type { SeenMarks } from './seen-marks.ts';

/** Sends seen marks. Available when signed in. */
export const [SeenMarksContext, useSeenMarks] = createRequiredContext<SeenMarks>('SeenMarksContext');
