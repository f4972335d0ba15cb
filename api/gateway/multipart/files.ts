import { Readable } from 'node:stream';
import type { Upload } from 'graphql-upload-minimal';
import type { FilePart } from '../../../schema/builder.ts';
import { BadUserInputError, ParleyError, TooLargeError } from '../../errors.ts';

/** Milliseconds that an unread file may block a file that a resolver waits for: another operation may still read it. */
const blockedMs = 1_000;

/** A file that is being received. */
interface IncomingPart {
  /** Stream of the parser. */
  source: Readable;
  /** Stream that the resolver reads. */
  body: Readable;
}

/**
 * Passes the files of one multipart request from the parser to the resolvers. Files arrive one after another, and the
 * parser continues only once the current one is consumed, so files that are not read to their end are discarded.
 * @param maxFileBytes maximum size of one file; above it, the stream fails with TooLargeError
 */
export function createFileParts(maxFileBytes: number) {
  /** Number of resolvers that wait for a file. */
  let waiting = 0;
  let current: IncomingPart | null = null;
  /** Files that a resolver has opened: their bytes pass by once. */
  const opened = new WeakSet<Upload>();

  return {
    /** Wraps a file stream of the parser in the stream that is given to the resolver. */
    receive(source: Readable): Readable {
      const body = new Readable({ read: () => void source.resume() });
      const push = (chunk: Buffer) => body.push(chunk) || source.pause();
      current = { source, body };
      source.once('limit', () => body.destroy(tooLarge(maxFileBytes)));
      source.once('error', (error) => body.destroy(toFileError(error)));
      source.once('end', () => body.push(null));
      source.on('pause', discardBlockingFile);
      source.on('data', push);
      body.once('close', () => source.off('data', push).resume());
      return body;
    },

    /** Returns the value of an `Upload` variable. */
    toFilePart: (upload: Upload): FilePart => ({
      async open() {
        if (opened.has(upload)) throw badFile('belongs to another field already; send it once for each field');
        opened.add(upload);
        waiting++;
        discardBlockingFile();
        try {
          const file = await upload.promise;
          return { filename: file.filename, body: file.createReadStream() };
        } catch (error) {
          throw error instanceof ParleyError ? error : badFile(error instanceof Error ? error.message : String(error));
        } finally {
          waiting--;
        }
      },
    }),

    /** Fails the current file because the request is broken. */
    fail: (error: Error) => void current?.body.destroy(toFileError(error)),
  };

  /** Discards an unread file that blocks the one a resolver waits for, which would otherwise wait forever. */
  function discardBlockingFile(): void {
    if (waiting === 0 || current === null || !isBlocking(current)) return;
    const { body } = current;
    const discard = () =>
      waiting > 0 &&
      isUnread(body) &&
      body.destroy(badFile('comes before a file that is read first; send files in the order of their fields'));
    setTimeout(discard, blockedMs).unref();
  }
}

/** Files of one multipart request. */
export type FileParts = ReturnType<typeof createFileParts>;

const isBlocking = ({ source, body }: IncomingPart): boolean => source.isPaused() && isUnread(body);
const isUnread = (body: Readable): boolean => body.readableFlowing === null && !body.destroyed;

function tooLarge(limit: number): TooLargeError {
  return new TooLargeError(`The file must not exceed ${limit} bytes. Send a smaller one.`, limit);
}

/** Errors that end a request within a file are the client's fault. */
function toFileError(error: Error): Error {
  return error instanceof ParleyError ? error : badFile('did not arrive completely; send it again');
}

function badFile(message: string): BadUserInputError {
  return new BadUserInputError([{ path: 'file', message }]);
}
