import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { createS3Objects } from '../../api/infra/objects/s3.ts';
import { createTestLogger } from '../support/logger.ts';
import { startOwnS3 } from '../support/services/s3.ts';

test('a store that is down is UNAVAILABLE, and works again once it is back', async () => {
  const own = await startOwnS3();
  const directory = await mkdtemp(join(tmpdir(), 'parley-incoming-'));
  const settings = { bucket: 'files', region: 'us-east-1', directory, requestTimeoutMs: 60_000, directReads: false };
  const objects = await createS3Objects({ ...own.address, ...settings, logger: createTestLogger() });
  await own.kill('SIGKILL');
  const put = () => objects.put('a', Readable.from([Buffer.from('x')]), { type: 'text/plain' });
  await expect(put()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(objects.get('a')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(objects.ready()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await own.restart();
  await vi.waitFor(put);
  expect(await objects.head('a')).toMatchObject({ bytes: 1 });
  await own.stop();
  await rm(directory, { recursive: true });
});
