import type { IncomingMessage } from 'node:http';
import { type ExecutionResult, GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import { maxResponseBytes } from '../request-limits.ts';
import type { RequestContext } from './server-context.ts';

/** Bytes of the results that each HTTP request has so far: those of a batch are added up. */
const bytesOfRequests = new WeakMap<IncomingMessage, number>();

/** Replaces results over HTTP that are too large, by themselves or with the rest of their batch. */
export const responseSizePlugin: Plugin<Context> = {
  onExecute: ({ args }) => ({
    onExecuteDone({ result, setResult }) {
      if (isAsyncIterable(result)) return;
      const { req } = args.contextValue as Partial<RequestContext>;
      const before = req ? (bytesOfRequests.get(req) ?? 0) : 0;
      const bytes = before + sizeOf(result.data, maxResponseBytes - before);
      if (bytes > maxResponseBytes) return setResult(tooLarge());
      if (req) bytesOfRequests.set(req, bytes);
    },
  }),
};

/** Returns a result, or the error TOO_LARGE in its place if its data is above `maxResponseBytes`. */
export function boundResult(result: ExecutionResult): ExecutionResult {
  return sizeOf(result.data, maxResponseBytes) > maxResponseBytes ? tooLarge() : result;
}

/**
 * Estimates the bytes of a value as JSON, without making the text. Escaped characters may take more.
 * @param limit bytes above which the rest is not measured
 */
export function sizeOf(value: unknown, limit: number): number {
  if (typeof value === 'string') return Buffer.byteLength(value) + 2;
  if (typeof value !== 'object' || value === null) return String(value).length;
  let bytes = 2;
  for (const [key, item] of Object.entries(value)) {
    bytes += (Array.isArray(value) ? 1 : key.length + 4) + sizeOf(item, limit - bytes);
    if (bytes > limit) break;
  }
  return bytes;
}

function tooLarge(): { errors: GraphQLError[] } {
  const message = `The response would be larger than ${maxResponseBytes} bytes: request smaller pages or fewer fields.`;
  return { errors: [new GraphQLError(message, { extensions: { code: 'TOO_LARGE', limit: maxResponseBytes } })] };
}
