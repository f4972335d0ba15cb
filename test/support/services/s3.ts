import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { connect } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { freePort } from '../free-port.ts';
import { type Server, startServer } from './server.ts';

/** Address and credentials of a store, as in the settings `S3_…`. */
export interface S3Address {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** Path at which `go install` puts the program. */
const installed = join(homedir(), 'go', 'bin', 'versitygw');

/** Returns the program of the S3 server. */
function versitygw(): string {
  return existsSync(installed) ? installed : 'versitygw';
}

/** Starts a server that the test may kill: `versitygw` on a free port, over a directory. */
export async function startOwnS3(): Promise<Server & { address: S3Address }> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-s3-'));
  const port = await freePort();
  const [accessKeyId, secretAccessKey] = ['parley', randomBytes(16).toString('hex')];
  const env = { ...process.env, ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey };
  const server = await startServer({
    directory,
    spawn: () =>
      spawn(versitygw(), ['--port', `127.0.0.1:${port}`, 'posix', directory], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    ready: () => listening(port),
  });
  return Object.assign(server, { address: { endpoint: `http://127.0.0.1:${port}`, accessKeyId, secretAccessKey } });
}

async function listening(port: number): Promise<void> {
  while (!(await accepts(port))) await setTimeout(50);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
