import { createCurl } from './curl.ts';
import { createForeignChat, type ForeignClient } from './foreign-chat.ts';
import { startJava } from './java.ts';
import { startKotlin } from './kotlin.ts';
import type { CreateChat } from './scenario.ts';

/** Loads the example for curl. */
export const loadCurl = ofProcess(async (url) => createCurl(url));

/** Loads the example for Java. */
export const loadJava = ofProcess(async (url, directory) => startJava(directory, url));

/** Returns the loader of the example for Apollo Kotlin. @param transport as in `startKotlin` */
export function loadKotlin(version: string, transport: string) {
  return ofProcess((url) => startKotlin(version, transport, url));
}

/** Returns the loader of a client in another process. @param start starts it; its directory has the compiled programs */
function ofProcess(start: (url: string, directory: string) => Promise<ForeignClient>) {
  return async (directory: string): Promise<CreateChat> =>
    async (options) =>
      createForeignChat({ ...options, directory }, await start(options.url, directory));
}
