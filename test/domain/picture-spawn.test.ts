import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import sharp from 'sharp';
import { afterEach, expect, it, vi } from 'vitest';
import { createPictureProcess } from '../../api/domain/picture-process.ts';
import { createTestLogger } from '../support/logger.ts';
import { patienceMs } from '../support/patience.ts';

vi.mock(import('node:child_process'), async (importOriginal) => {
  const original = await importOriginal();
  return { ...original, spawn: vi.fn(original.spawn) as unknown as typeof original.spawn };
});

const logger = createTestLogger();
const pictures = createPictureProcess({ timeoutMs: patienceMs, logger });
afterEach(() => {
  pictures.stop();
});

const systemError = (code: string) => Object.assign(new Error(`spawn ${code}`), { code });

/** Behaves as Node does when the process has too many open files: no pipes, and an error in the next tick. */
function spawnWithoutPipes(): ChildProcess {
  const child = new EventEmitter() as ChildProcess;
  process.nextTick(() => child.emit('error', systemError('EMFILE')));
  return child;
}

function spawnThatThrows(): never {
  throw systemError('ENOMEM');
}

it('a picture whose process cannot start is UNAVAILABLE, and the next one works', async () => {
  const bytes = await sharp({ create: { width: 64, height: 48, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();
  for (const [code, refuse] of [
    ['EMFILE', spawnWithoutPipes],
    ['ENOMEM', spawnThatThrows],
  ] as const) {
    vi.mocked(spawn).mockImplementationOnce(refuse);
    await expect(pictures.process(bytes, async () => {})).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await vi.waitFor(() => expect(logger.lines).toMatchObject([{ level: 'warn', facts: { error: { code } } }]));
    logger.lines.length = 0;
  }
  expect(await pictures.process(bytes, async () => {})).toMatchObject({ width: 64, height: 48 });
});
