import { Readable } from 'node:stream';
import type { Upload } from 'graphql-upload-minimal';
import type { FilePart } from '../../../schema/builder.ts';
import { BadUserInputError, ParleyError, TooLargeError } from '../../errors.ts';

/** How long a file may stand in the way of another that is waited for, in milliseconds: one of a batch may be about to read it. */
const patienceMs = 1_000;

/** A file that is coming in, as the parser has it and as it is read. */
interface Arrival {
  raw: Readable;
  body: Readable;
}

/**
 * The files of one multipart request, which come one after another. The parser goes on once it got rid of each, so what nobody
 * reads, or nobody reads to its end, is thrown away.
 * @param maxFileBytes of one file; beyond it its stream fails with TooLargeError
 */
export function createFiles(maxFileBytes: number) {
  let waiting = 0;
  let last: Arrival | null = null;

  /** Whoever waits for a file behind one that nobody reads would wait for ever. */
  function passOver(): void {
    if (waiting === 0 || last === null || !isInTheWay(last)) return;
    const { body } = last;
    const giveUp = () =>
      waiting > 0 &&
      isUnread(body) &&
      body.destroy(broken('comes before another that is read first: send files in the order of their fields'));
    setTimeout(giveUp, patienceMs).unref();
  }

  return {
    /** A file of the parser, as it is to be read. */
    receive(raw: Readable): Readable {
      const body = new Readable({ read: () => void raw.resume() });
      const pass = (chunk: Buffer) => body.push(chunk) || raw.pause();
      last = { raw, body };
      raw.once('limit', () => body.destroy(tooLarge(maxFileBytes)));
      raw.once('error', (error) => body.destroy(toFileError(error)));
      raw.once('end', () => body.push(null));
      raw.on('pause', passOver);
      raw.on('data', pass);
      body.once('close', () => raw.off('data', pass).resume());
      return body;
    },

    /** A file as a resolver takes it. */
    part: (upload: Upload): FilePart => ({
      async open() {
        waiting++;
        passOver();
        try {
          const file = await upload.promise;
          return { filename: file.filename, body: file.createReadStream() };
        } catch (error) {
          throw error instanceof ParleyError ? error : broken(error instanceof Error ? error.message : String(error));
        } finally {
          waiting--;
        }
      },
    }),

    /** The request is broken. */
    fail: (error: Error) => void last?.body.destroy(toFileError(error)),
  };
}

/** Held back, for as long as nobody reads it. */
const isInTheWay = ({ raw, body }: Arrival): boolean => raw.isPaused() && isUnread(body);
const isUnread = (body: Readable): boolean => body.readableFlowing === null && !body.destroyed;

function tooLarge(limit: number): TooLargeError {
  return new TooLargeError(`A file takes at most ${limit} bytes: send a smaller one.`, limit);
}

/** What ends the request in the middle of a file is the client's fault. */
function toFileError(error: Error): Error {
  return error instanceof ParleyError ? error : broken('did not arrive whole: send it again');
}

function broken(message: string): BadUserInputError {
  return new BadUserInputError([{ path: 'file', message }]);
}
