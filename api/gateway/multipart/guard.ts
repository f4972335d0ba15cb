import type { IncomingMessage } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import { TooLargeError } from '../../errors.ts';
import { maxMultipartFields, maxUploadsPerRequest } from '../request-limits.ts';
import type { createFiles } from './files.ts';
import { readPaths } from './map.ts';

type Files = ReturnType<typeof createFiles>;
type Refuse = (error: Error) => void;

/** The request as the library is to see it: what its parser tells is looked at first, and the paths of its map are kept. */
export function guard(request: IncomingMessage, files: Files) {
  let paths: string[] = [];
  const facade = {
    headers: request.headers,
    get readableEnded() {
      return request.readableEnded;
    },
    pipe(parser: Writable) {
      const refuse = guardErrors(parser, files);
      guardFiles(parser, files);
      guardMap(parser, refuse, (map) => {
        paths = readPaths(map);
      });
      request.once('close', () => request.readableEnded || refuse(new Error('The request ended in its middle.')));
      return request.pipe(parser);
    },
    unpipe: (parser: Writable) => request.unpipe(parser),
    // The library would tell its readers of the request's end itself, in other words.
    once: () => {},
    resume: () => request.resume(),
  };
  return { request: facade as unknown as IncomingMessage, paths: () => paths };
}

/**
 * The first error is the one that is told, to whoever waits and whoever reads. Parts beyond the bounds the parser would pass over in
 * silence; and while it is destroyed for one fault it tells of a second.
 */
function guardErrors(parser: Writable, files: Files): Refuse {
  const fail = takeListener(parser, 'error');
  const refuse = (error: Error) => {
    files.fail(error);
    fail(error);
  };
  takeListener(parser, 'filesLimit');
  parser.once('filesLimit', () => refuse(tooMany('files', maxUploadsPerRequest)));
  parser.once('fieldsLimit', () => refuse(tooMany('fields that are no files', maxMultipartFields)));
  parser.on('error', refuse);
  return refuse;
}

/** A parser waits for its files to be read, also for those that were destroyed: it gets others to give away. */
function guardFiles(parser: Writable, files: Files): void {
  const pass = takeListener(parser, 'file');
  parser.on('file', (name: string, raw: Readable, info: unknown) => pass(name, files.receive(raw), info));
}

/** The paths of the map are looked at before the library follows them. */
function guardMap(parser: Writable, refuse: Refuse, read: (map: string) => void): void {
  const pass = takeListener(parser, 'field');
  parser.on('field', (name: string, value: string, info: unknown) => {
    try {
      if (name === 'map') read(value);
      pass(name, value, info);
    } catch (error) {
      refuse(error as Error);
    }
  });
}

/** The library's own listener, which hears nothing by itself any more. */
function takeListener(parser: Writable, event: string): (...given: unknown[]) => void {
  const [own] = parser.listeners(event);
  parser.removeAllListeners(event);
  return (...given) => void own?.call(parser, ...given);
}

function tooMany(what: string, limit: number): TooLargeError {
  return new TooLargeError(`A multipart request takes at most ${limit} ${what}.`, limit);
}
