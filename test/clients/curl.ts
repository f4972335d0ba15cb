import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { guardChild } from '../support/services/guard.ts';
import type { ForeignClient, ForeignEvents, Result } from './foreign-chat.ts';

const run = promisify(execFile);
const script = 'examples/clients/curl.sh';
const path = '/usr/local/bin:/usr/bin:/bin';

/** Creates a client that runs the script of the example for each operation. @param url of the API */
export function createCurl(url: string): ForeignClient {
  return { post, follow, upload, dispose: () => {} };

  function post(operation: string, token: string): Promise<Result> {
    return execute(token, 'post', operation);
  }

  function upload(operation: string, token: string, file: string): Promise<Result> {
    return execute(token, 'upload', operation, file);
  }

  function follow(operation: string, token: string, { next, end }: ForeignEvents): () => void {
    const child = spawn(script, ['follow', operation], { env: { PATH: path, URL: url, TOKEN: token } });
    guardChild(child);
    createInterface(child.stdout).on('line', (line) => {
      if (line.startsWith('data: {')) next(JSON.parse(line.slice('data: '.length)) as Result);
    });
    child.once('close', () => end(false));
    return () => void child.kill();
  }

  async function execute(token: string, ...args: string[]): Promise<Result> {
    const { stdout } = await run(script, args, { env: { PATH: path, URL: url, TOKEN: token } });
    return JSON.parse(stdout) as Result;
  }
}
