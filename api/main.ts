#!/usr/bin/env -S node --enable-source-maps --max-semi-space-size=32
import { listenForStop } from './stop-signals.ts';

/** Runs the process. It can be stopped from the first moment on, also while the modules of the server load. */
async function main(): Promise<void> {
  const stopping = listenForStop();
  const endAtOnce = () => process.exit(0);
  stopping.addEventListener('abort', endAtOnce);
  const { chooseRun } = await import('./choose-run.ts');
  const run = await chooseRun(process.argv.slice(2));
  stopping.removeEventListener('abort', endAtOnce);
  process.exit(await run(stopping));
}

main();
