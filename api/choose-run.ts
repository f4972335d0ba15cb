import { readFile } from 'node:fs/promises';
import { type Command, help, readCommandLine } from './command-line.ts';
import { explainStart } from './start-errors.ts';

/** Runs the process until it has ended. @returns its exit code */
type Run = (stopping: AbortSignal) => Promise<number>;

/**
 * Returns the run that the arguments ask for. Only its modules are loaded.
 * @param args arguments of the program
 */
export async function chooseRun(args: readonly string[]): Promise<Run> {
  try {
    return await loadRun(readCommandLine(args));
  } catch (error) {
    process.stderr.write(`${explainStart(error)}\n`);
    return async () => 1;
  }
}

async function loadRun(command: Command): Promise<Run> {
  switch (command.kind) {
    case 'help':
      return print(help);
    case 'version': {
      const { paths } = await import('./config.ts');
      return print(`${JSON.parse(await readFile(paths.packageFile, 'utf8')).version}\n`);
    }
    case 'ephemeral': {
      const { runEphemeral } = await import('./ephemeral/run.ts');
      return (stopping) => runEphemeral(command.options, stopping);
    }
    case 'serve':
      return (await import('./run.ts')).run;
  }
}

function print(text: string): Run {
  return async () => {
    process.stdout.write(text);
    return 0;
  };
}
