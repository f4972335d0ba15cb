import { randomUUID } from 'node:crypto';
import { open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';

/** A stream that is buffered whole on this machine's disk. */
export interface BufferedStream {
  /** Size in bytes. */
  bytes: number;
  /** Opens a stream of the buffered bytes, from the first one. */
  read(): Readable;
  /** Frees the disk space; call it once nothing reads the buffer. */
  close(): Promise<void>;
}

/**
 * Buffers a stream on this machine's disk, so that a slow sender keeps no connection to the store busy. The file is
 * unlinked at once: the operating system frees it when the process ends, however that happens.
 * @param directory an existing directory on a local disk
 * @throws the error of the stream, the signal or the disk; nothing is kept then
 */
export async function bufferToDisk(
  directory: string,
  body: Readable,
  signal: AbortSignal | undefined,
): Promise<BufferedStream> {
  const path = join(directory, randomUUID());
  const file = await open(path, 'wx+', 0o600);
  try {
    await rm(path);
    if (signal) addAbortSignal(signal, body);
    await writeFile(file, body);
    const { size: bytes } = await file.stat();
    // The S3 client learns the size of a file stream from its range.
    const range = { start: 0, end: bytes - 1, autoClose: false };
    const read = () => (bytes === 0 ? Readable.from([]) : file.createReadStream(range));
    return { bytes, read, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}
