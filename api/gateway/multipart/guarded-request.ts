import type { IncomingMessage } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import { TooLargeError } from '../../errors.ts';
import { exceedsJsonBounds, jsonBoundsMessage } from '../json-bounds.ts';
import { maxMultipartFields, maxUploadsPerRequest } from '../request-limits.ts';
import type { FileParts } from './files.ts';
import { readMapPaths } from './map.ts';

type Fail = (error: Error) => void;

/**
 * Wraps a request for graphql-upload-minimal and intercepts the events of its parser: errors are reported once, file
 * streams are replaced by those of `files`, and the map is validated before the library follows its paths.
 * @returns the request for the library, and the paths of the map once it was read
 */
export function guardRequest(request: IncomingMessage, files: FileParts) {
  let paths: string[] = [];
  const facade = {
    headers: request.headers,
    get readableEnded() {
      return request.readableEnded;
    },
    pipe(parser: Writable) {
      const fail = interceptErrors(parser, files);
      interceptFiles(parser, files);
      interceptFields(parser, fail, (map) => {
        paths = readMapPaths(map);
      });
      request.once('close', () => request.readableEnded || fail(new Error('The request ended prematurely.')));
      return request.pipe(parser);
    },
    unpipe: (parser: Writable) => request.unpipe(parser),
    // The library would report the end of the request a second time.
    once: () => {},
    resume: () => request.resume(),
  };
  return { request: facade as unknown as IncomingMessage, paths: () => paths };
}

/**
 * Reports the first error of a request to the library and to the current file. The parser drops parts beyond its limits
 * silently, and emits a second error while it is destroyed.
 */
function interceptErrors(parser: Writable, files: FileParts): Fail {
  const report = takeListener(parser, 'error');
  const fail = (error: Error) => {
    files.fail(error);
    report(error);
  };
  takeListener(parser, 'filesLimit');
  parser.once('filesLimit', () => fail(tooMany('files', maxUploadsPerRequest)));
  parser.once('fieldsLimit', () => fail(tooMany('fields without a filename', maxMultipartFields)));
  parser.on('error', fail);
  return fail;
}

/** Replaces file streams: the parser stops at a stream that is destroyed, so resolvers get streams of their own. */
function interceptFiles(parser: Writable, files: FileParts): void {
  const forward = takeListener(parser, 'file');
  parser.on('file', (name: string, source: Readable, info: unknown) => forward(name, files.receive(source), info));
}

function interceptFields(parser: Writable, fail: Fail, onMap: (map: string) => void): void {
  const forward = takeListener(parser, 'field');
  parser.on('field', (name: string, value: string, info: unknown) => {
    try {
      if (exceedsJsonBounds(value)) throw new Error(jsonBoundsMessage);
      if (name === 'map') onMap(value);
      forward(name, value, info);
    } catch (error) {
      fail(error as Error);
    }
  });
}

/** Removes the library's listener from an event and returns a function that calls it. */
function takeListener(parser: Writable, event: string): (...given: unknown[]) => void {
  const [listener] = parser.listeners(event);
  parser.removeAllListeners(event);
  return (...given) => void listener?.call(parser, ...given);
}

function tooMany(parts: string, limit: number): TooLargeError {
  return new TooLargeError(`A multipart request may have at most ${limit} ${parts}.`, limit);
}
