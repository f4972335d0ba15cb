import type { IncomingMessage } from 'node:http';
import { GraphQLError } from 'graphql';
import { withoutTrace } from '../../errors.ts';
import { maxRequestBytes } from '../request-limits.ts';
import { malformed } from './request-params.ts';

/**
 * Reads the body of a request, at most `maxRequestBytes` bytes. It is collected in one buffer: chunks that wait to be joined take
 * about 150 bytes each beside their content, and a client can send a byte a chunk.
 * @throws GraphQLError with TOO_LARGE and status 413, or with BAD_REQUEST and status 400 if the body breaks off
 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxRequestBytes) throw tooLarge();
  let body: Buffer = Buffer.alloc(0);
  let length = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      if (length + chunk.length > maxRequestBytes) throw tooLarge();
      body = withRoom(body, length, chunk.length);
      length += chunk.copy(body, length);
    }
  } catch (error) {
    throw error instanceof GraphQLError ? error : malformed('The body of the request ended early.');
  }
  return body.subarray(0, length);
}

/** Returns a buffer with the first bytes of another one, and room for more. It doubles, so that each byte is copied twice at most. */
function withRoom(body: Buffer, length: number, more: number): Buffer {
  if (length + more <= body.length) return body;
  const larger = Buffer.allocUnsafeSlow(Math.max(length + more, body.length * 2));
  body.copy(larger, 0, 0, length);
  return larger;
}

function tooLarge(): GraphQLError {
  const extensions = { code: 'TOO_LARGE', limit: maxRequestBytes, http: { status: 413 } };
  return withoutTrace(() => new GraphQLError(`A request must be at most ${maxRequestBytes} bytes.`, { extensions }));
}
