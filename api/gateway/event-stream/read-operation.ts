import type { IncomingMessage } from 'node:http';
import { GraphQLError } from 'graphql';
import { readMediaType } from '../graphql/accept.ts';
import { checkMediaTypes } from '../graphql/check-media-types.ts';
import { readBody } from '../graphql/read-body.ts';
import { readParams } from '../graphql/request-params.ts';
import { withHints } from '../graphql/response-status.ts';
import { decodeBody, jsonTypes, parseBounded } from '../graphql/use-bounded-json.ts';
import { isObject } from '../is-object.ts';
import { maxOperationIdLength } from '../request-limits.ts';
import { withQuery } from '../websocket/absent-query.ts';
import type { Message } from '../websocket/operation-ids.ts';
import { refusals, refused } from './refusals.ts';

/** An operation, as the message that starts it; or its id and the reason why it cannot start. */
export type ReadOperation = { message: Message } | { message: Pick<Message, 'id'>; errors: readonly object[] };

/**
 * Reads the operation of a request.
 * @throws GraphQLError with the status of the response if the request has no operation with an id
 */
export async function readOperation(request: IncomingMessage): Promise<ReadOperation> {
  checkTypes(request);
  const bytes = await readBody(request);
  const given = parseBounded(decodeBody(bytes), 'The body');
  if (!isObject(given)) throw refusals.noOperation();
  const { extensions } = given;
  const id = checkId(isObject(extensions) ? extensions['operationId'] : undefined, '`extensions.operationId`');
  try {
    const content = withQuery({ id, type: 'subscribe', payload: readParams(given) });
    return { message: { content, type: 'subscribe', id, bytes: bytes.length } };
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    return { message: { id }, errors: [withHints(error, null)] };
  }
}

/** Returns a valid id of an operation. @param place the id's place in the request, for the error */
export function checkId(id: unknown, place: string): string {
  if (typeof id !== 'string' || id === '' || id.length > maxOperationIdLength) throw refusals.noId(place);
  return id;
}

function checkTypes(request: IncomingMessage): void {
  const checked = checkMediaTypes(request);
  if ('status' in checked) {
    const { code, message, status, headers = {} } = checked;
    throw refused(code, message, { status, headers: headers as Record<string, string> });
  }
  const type = readMediaType(request.headers['content-type'] ?? '')?.essence ?? '';
  if (!jsonTypes.has(type)) throw refusals.notJson();
}
