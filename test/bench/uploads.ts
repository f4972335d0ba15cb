import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { guest } from '../support/client.ts';
import { roomOf } from '../support/upload.ts';
import type { BenchOptions } from './options.ts';
import { startEmbedded } from './parley.ts';
import { cpuOf, residentKb, start } from './processes.ts';
import { circumstances, median, round, table, write } from './report.ts';

/** Server that uploads are sent to. */
interface Target {
  url: string;
  token: string;
  /** Channel to upload to; a peer has none. */
  channelId: string;
  pid: number;
  stop(): Promise<void>;
}

interface Figures {
  /** Megabytes per second of all uploads together. */
  speed: number;
  /** CPU time of the server per megabyte, in milliseconds. */
  cpu: number;
  /** Maximum growth of its memory, in megabytes. */
  memory: number;
}

const files = 10;
const megabytes = 100;
const megabyte = 1_000_000;

const targets: Record<string, () => Promise<Target>> = {
  Parley: startParley,
  'a file, by itself': () => startPeer('upload-file'),
  Yoga: () => startPeer('upload-yoga'),
};

/** Measures ten large uploads at once, compared with a bare HTTP server and with Yoga's own multipart requests. */
export async function run({ rounds, only }: BenchOptions): Promise<void> {
  const names = Object.keys(targets).filter((name) => only.length === 0 || only.includes(name));
  const rows = new Map(names.map((name): [string, Figures[]] => [name, []]));
  for (let n = 0; n < rounds; n++) for (const [name, figures] of rows) figures.push(await measure(name));
  const of = (figures: readonly Figures[], key: keyof Figures) => round(median(figures.map((one) => one[key])));
  const lines = [...rows].map(([name, all]) => [name, of(all, 'speed'), of(all, 'cpu'), of(all, 'memory')]);
  const body = `${circumstances()}\n\n${table(['', 'MB/s', 'CPU, ms per MB', 'memory grew by, MB'], lines)}`;
  process.stdout.write(`${body}\n`);
  if (only.length === 0) await write('uploads', body);
}

async function measure(name: string): Promise<Figures> {
  const target = await (targets[name] ?? unknown(name))();
  try {
    await send(target, 1);
    await setTimeout(1_000);
    const [memory, cpu, begin] = [residentKb(target.pid), cpuOf(target.pid), performance.now()];
    let most = memory;
    const watching = setInterval(() => {
      most = Math.max(most, residentKb(target.pid));
    }, 20);
    await Promise.all(Array.from({ length: files }, () => send(target, megabytes)));
    clearInterval(watching);
    const took = (performance.now() - begin) / 1_000;
    const sent = files * megabytes;
    return {
      speed: sent / took,
      cpu: (cpuOf(target.pid) - cpu) / 1_000 / sent,
      memory: ((most - memory) * 1_024) / megabyte,
    };
  } finally {
    await target.stop();
  }
}

function unknown(name: string): never {
  throw new Error(`there is no ${name}`);
}

async function startParley(): Promise<Target> {
  const parley = await startEmbedded({ MAX_GUEST_FILES_BYTES: '10000000000' });
  const { origin } = parley.gateway.url;
  const { token } = await guest(origin);
  const channelId = await roomOf(origin, token);
  return { url: `${origin}/graphql`, token, channelId, pid: parley.gateway.child.pid ?? 0, stop: parley.stop };
}

async function startPeer(script: string): Promise<Target> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-bench-'));
  const path = fileURLToPath(new URL(`peers/${script}.ts`, import.meta.url));
  const { child, ready, stop } = await start([process.execPath, '--import', 'tsx', path, directory], /ready (\d+)/);
  return {
    url: `http://127.0.0.1:${ready[1]}/graphql`,
    token: '',
    channelId: '',
    pid: child.pid ?? 0,
    async stop() {
      await stop();
      await rm(directory, { recursive: true });
    },
  };
}

const peerQuery = 'mutation ($file: File!) { upload(file: $file) { byteSize } }';
const query = 'mutation ($file: Upload!, $channelId: ID!) { upload(file: $file, channelId: $channelId) { byteSize } }';

async function* body(channelId: string, size: number): AsyncGenerator<Buffer> {
  const operations = channelId === '' ? { query: peerQuery } : { query, variables: { file: null, channelId } };
  const field = (name: string, value: string) =>
    `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  yield Buffer.from(
    field('operations', JSON.stringify({ variables: { file: null }, ...operations })) +
      field('map', '{"0":["variables.file"]}'),
  );
  yield Buffer.from('--b\r\nContent-Disposition: form-data; name="0"; filename="big"\r\n\r\n');
  const chunk = Buffer.alloc(megabyte / 10, 7);
  for (let n = 0; n < size * 10; n++) yield chunk;
  yield Buffer.from('\r\n--b--\r\n');
}

/** Uploads a file of this many megabytes. */
function send({ url, token, channelId }: Target, size: number): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'multipart/form-data; boundary=b' };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => (text.includes('"errors"') ? reject(new Error(text)) : resolve()));
    });
    sent.on('error', reject);
    Readable.from(body(channelId, size)).pipe(sent);
  });
}
