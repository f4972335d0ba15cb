import { randomUUID } from 'node:crypto';
import { open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';

/** A stream that was taken in whole. */
export interface Spooled {
  /** Its size, in bytes. */
  bytes: number;
  /** All of it, from its beginning. */
  read(): Readable;
  /** To be called once nobody reads it any more: it is gone then. */
  close(): Promise<void>;
}

/**
 * Takes a stream in on this machine's disk, however long its sender takes, so that nothing else waits meanwhile. The file has no
 * name: it is gone with the process, however that ends.
 * @throws whatever the stream, the signal or the disk failed with; nothing is kept then
 */
export async function spool(directory: string, body: Readable, signal: AbortSignal | undefined): Promise<Spooled> {
  const path = join(directory, randomUUID());
  const file = await open(path, 'wx+', 0o600);
  try {
    await rm(path);
    if (signal) addAbortSignal(signal, body);
    await writeFile(file, body);
    const { size: bytes } = await file.stat();
    // Who reads it can tell its size by the range.
    const whole = { start: 0, end: bytes - 1, autoClose: false };
    const read = () => (bytes === 0 ? Readable.from([]) : file.createReadStream(whole));
    return { bytes, read, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}
