import type { Http2ServerResponse, ServerHttp2Stream } from 'node:http2';
import { ignore } from '../../ignore.ts';
import { type Progress, resetStream } from './http2-stream.ts';

/** Size of the parts in which bodies are written: Node reports that a part was sent, but no progress within it. */
const partBytes = 16_384;
/** Headers of a connection, which a response over HTTP/2 must not have (RFC 9113, section 8.2.2). */
const connectionHeaders = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade']);

/** Gives a response the properties of one over HTTP/1.1, and counts the parts of its body. */
export function translateResponse(response: Http2ServerResponse, progress: Progress): void {
  const { stream } = response;
  const setHeader = response.setHeader.bind(response);
  writeInParts(stream, progress);
  finishOnce(response);
  Object.defineProperties(response, {
    destroyed: { get: () => stream.destroyed },
    closed: { get: () => stream.closed },
    // A stream that is broken off ends as well.
    writableFinished: { get: () => response.writableEnded && stream.writableFinished },
    destroy: { value: () => resetStream(stream) },
    setTimeout: { value: createStallTimer(response, progress) },
    setHeader: {
      value(name: string, value: string | number | readonly string[]) {
        if (!connectionHeaders.has(name.toLowerCase())) setHeader(name, value as string);
        return response;
      },
    },
  });
}

/** The parts wait in the stream, and each is sent by itself. The response to HEAD has no body. */
function writeInParts(stream: ServerHttp2Stream & { headRequest?: boolean }, progress: Progress): void {
  const write = stream.write.bind(stream);
  const count = () => void progress.sent++;
  Object.defineProperties(stream, {
    _writev: { value: undefined },
    write: {
      value(chunk: string | Buffer, _encoding?: BufferEncoding, done?: (error?: Error | null) => void) {
        const body = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
        if (stream.headRequest) return true;
        for (let start = 0; start + partBytes < body.length; start += partBytes)
          write(body.subarray(start, start + partBytes), count);
        const rest = body.subarray(Math.floor(Math.max(body.length - 1, 0) / partBytes) * partBytes);
        return write(rest, (error) => {
          count();
          done?.(error);
        });
      },
    },
  });
}

/** Node emits `finish` when a stream closes, broken off or not, and not when the response has been sent. */
function finishOnce(response: Http2ServerResponse): void {
  const { stream } = response;
  const emit = response.emit.bind(response);
  let hasFinished = false;
  response.emit = (event: string | symbol, ...given: unknown[]) => {
    if (event !== 'finish') return emit(event, ...given);
    if (hasFinished || !response.writableFinished) return false;
    hasFinished = true;
    return emit(event);
  };
  stream.once('finish', () => response.emit('finish'));
}

/** Creates `setTimeout` of a response. Node's own restarts with every frame of the connection, on any stream. */
function createStallTimer(response: Http2ServerResponse, progress: Progress) {
  let timer: NodeJS.Timeout | undefined;
  let onStall = ignore;
  response.once('close', () => clearInterval(timer));

  return (milliseconds: number, callback = onStall): Http2ServerResponse => {
    let before = { ...progress };
    onStall = callback;
    clearInterval(timer);
    timer = setInterval(() => {
      const isStalled = progress.arrived === before.arrived && progress.sent === before.sent;
      before = { ...progress };
      if (isStalled) onStall();
    }, milliseconds).unref();
    return response;
  };
}
