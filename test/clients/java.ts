import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startAgent } from './agent.ts';
import type { ForeignClient } from './foreign-chat.ts';

const run = promisify(execFile);
const sources = ['examples/clients/java/Parley.java', 'test/clients/java/Agent.java'];

/** Compiles the example for Java and its agent. @param target directory for the classes */
export async function compileJava(target: string): Promise<void> {
  await run('javac', ['-d', target, ...sources]);
}

/** Starts the agent that `compileJava` compiled. */
export function startJava(classes: string, url: string): ForeignClient {
  return startAgent('java', ['-cp', classes, 'Agent', url]);
}
