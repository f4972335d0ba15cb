import { readdir, readlink } from 'node:fs/promises';
import sharp from 'sharp';
import { afterEach, expect, it, vi } from 'vitest';
import { createPictures, type Pictures } from '../../api/domain/pictures.ts';
import { createRateLimits, noRateLimits } from '../../api/domain/rate-limits.ts';
import type { Limits } from '../../api/infra/state/state.ts';
import { createTestLogger } from '../support/logger.ts';
import { patienceMs } from '../support/patience.ts';
import { isRunning, pictureProcessesOf, readProcessFile } from '../support/picture-processes.ts';

const small = await sharp({ create: { width: 64, height: 48, channels: 3, background: 'teal' } })
  .png()
  .toBuffer();
const opened: Pictures[] = [];
afterEach(() => {
  for (const pictures of opened.splice(0)) pictures.stop();
});

/** Creates the processing of one picture at a time. */
function open(options: { timeoutMs?: number; concurrency?: number; rateLimits?: typeof noRateLimits } = {}) {
  const logger = createTestLogger();
  const defaults = { rateLimits: noRateLimits, logger, timeoutMs: patienceMs, concurrency: 1 };
  const pictures = createPictures({ ...defaults, ...options });
  opened.push(pictures);
  const add = (userId: string, bytes: Buffer = small) =>
    pictures.process(
      userId,
      async () => bytes,
      async ({ width }) => width,
    );
  return { pictures, logger, add };
}

/** Limits whose windows do not end during the test. */
function endlessWindow(): Limits {
  const taken = new Map<string, number>();
  return {
    async take(key, rate, points = 1) {
      const sum = (taken.get(key) ?? 0) + points;
      if (sum > rate.points) return rate.windowMs;
      taken.set(key, sum);
      return 0;
    },
  };
}

/** Starts the process by a first picture, and suspends it, so that the next picture hangs. Returns its id. */
async function suspend(add: (userId: string) => Promise<number>): Promise<number> {
  expect(await add('ada')).toBe(64);
  const [pid = 0] = await pictureProcessesOf(process.pid);
  process.kill(pid, 'SIGSTOP');
  return pid;
}

it('a user waits for one picture of another user, however many that one has sent', async () => {
  const { add } = open();
  const done: string[] = [];
  const pictures = Array.from({ length: 10 }, (_, n) => add('flood', small).then(() => done.push(`flood ${n}`)));
  await Promise.all([...pictures, add('ada').then(() => done.push('ada'))]);
  // The first is processed already, and the second is the first that waits.
  expect(done.slice(0, 3)).toEqual(['flood 0', 'flood 1', 'ada']);
  expect(done).toHaveLength(11);
});

it('two pictures are in memory at once; twenty of one user and a hundred of all wait', async () => {
  const { pictures } = open({ concurrency: 2 });
  let loading = 0;
  const pending: (() => void)[] = [];
  const add = (userId: string) =>
    pictures.process(
      userId,
      () => {
        loading += 1;
        return new Promise<Buffer>((resolve) => pending.push(() => resolve(small)));
      },
      async ({ width }) => width,
    );
  const all = Array.from({ length: 22 }, () => add('flood'));
  await expect(add('flood')).rejects.toMatchObject({ code: 'RATE_LIMITED', extensions: { retryAfterMs: 5_000 } });
  for (const userId of ['ada', 'bob', 'cleo', 'dan']) all.push(...Array.from({ length: 20 }, () => add(userId)));
  await expect(add('eve')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(loading).toBe(2);
  const releasing = setInterval(() => {
    for (const release of pending.splice(0)) release();
  }, 1);
  expect(await Promise.all(all)).toEqual(Array(102).fill(64));
  clearInterval(releasing);
});

it('a picture that hangs is given up at the time limit, its process is killed, and the next one works', async () => {
  const { add, logger } = open({ timeoutMs: 5_000 });
  const pid = await suspend(add);
  const hanging = add('flood');
  const next = add('ada');
  await expect(hanging).rejects.toMatchObject({ code: 'BAD_USER_INPUT', extensions: { fields: [{ path: 'file' }] } });
  await vi.waitFor(async () => expect(await isRunning(pid)).toBe(false));
  expect(await next).toBe(64);
  expect(logger.lines).toEqual([]);
});

it('a picture whose process crashes is UNAVAILABLE, and the next one works', async () => {
  const { add, logger } = open();
  const pid = await suspend(add);
  const lost = add('ada');
  const next = add('ada');
  process.kill(pid, 'SIGKILL');
  await expect(lost).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(await next).toBe(64);
  expect(logger.lines).toMatchObject([{ level: 'warn', facts: { signal: 'SIGKILL' } }]);
});

it('when it is stopped, pictures in progress and waiting ones are UNAVAILABLE, and no process starts', async () => {
  const { add, pictures } = open();
  const pid = await suspend(add);
  const lost = Array.from({ length: 5 }, () => add('ada'));
  pictures.stop();
  for (const one of lost) await expect(one).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await vi.waitFor(async () => expect(await isRunning(pid)).toBe(false));
  expect(await pictureProcessesOf(process.pid)).toEqual([]);
});

it('a process that cannot work with a picture is not one that crashes: the same process takes the next', async () => {
  const { add } = open();
  expect(await add('ada')).toBe(64);
  const before = await pictureProcessesOf(process.pid);
  await expect(add('ada', small.subarray(0, 60))).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  expect(await add('ada')).toBe(64);
  expect(await pictureProcessesOf(process.pid)).toEqual(before);
});

it('the pixels of a user are limited, those of AVIFs more, and other users have their own', async () => {
  const { add } = open({
    rateLimits: createRateLimits({ limits: endlessWindow(), onRefused() {}, logger: createTestLogger() }),
  });
  const large = sharp({ create: { width: 8_000, height: 6_000, channels: 3, background: 'teal' } });
  const picture = await large.clone().jpeg().toBuffer();
  for (let n = 0; n < 6; n++) expect(await add('ada', picture)).toBe(8_000);
  const refused = await add('ada', picture).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'RATE_LIMITED', extensions: { retryAfterMs: 60_000 } });
  const avif = await sharp({ create: { width: 2_000, height: 1_400, channels: 3, background: 'teal' } })
    .avif({ effort: 0 })
    .toBuffer();
  expect(await add('ada', avif)).toBe(2_000);
  await expect(add('ada', avif)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  expect(await add('ada')).toBe(64);
  expect(await add('bob', avif)).toBe(2_000);
});

it('a process has no environment, no open files but its pipes, and ends when it is stopped', async () => {
  const { add, pictures } = open();
  expect(await add('ada')).toBe(64);
  const [pid = 0] = await pictureProcessesOf(process.pid);
  expect(await readProcessFile(pid, 'environ')).toBe('');
  const files = await Promise.all((await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`)));
  expect(files.filter((path) => !/^(socket|pipe|anon_inode):|^\/dev\/null$/.test(path))).toEqual([]);
  expect(files.filter((path) => /^socket:/.test(path))).toHaveLength(3);
  pictures.stop();
  await vi.waitFor(async () => expect(await isRunning(pid)).toBe(false));
});
