import { ignore } from './ignore.ts';

/**
 * Lets the process go on if nobody reads its output any longer, as with `| head`, or if the disk of the output is full. Without a
 * listener, such an error would end it.
 */
export function surviveLostOutput(): void {
  for (const output of [process.stdout, process.stderr]) output.on('error', ignore);
}
