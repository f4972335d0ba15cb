import type { PageRequest } from '../api/domain/pages.ts';
import { ForbiddenError, NotFoundError } from '../api/errors.ts';
import type { Entry } from '../api/events.ts';
import type { Context } from './context.ts';
import { encodeCursor } from './cursors.ts';
import { readId } from './ids.ts';
import { type ConnectionArguments, connectionOf, readPage, readPageAround, toConnection } from './pages.ts';

/**
 * Returns a page of a channel's history; null if the viewer is not a member.
 * @param args.around id of the message around which the page is
 * @throws BadUserInputError for arguments that do not go together; NotFoundError if the viewer may not read the message in this channel
 */
export async function loadMessages(
  channelId: string,
  { around, ...args }: ConnectionArguments & { around?: string | null | undefined },
  context: Context,
) {
  if (around != null) return loadAround(channelId, around, args, context);
  const request = readPage(args, parseSeq, true);
  const page = await context.loaders.history.load({ channelId, request }).catch(refusedAsNull);
  return page && { ...toConnection(page, withinHistory(request, page.startSeq), seqOf), position: page.position };
}

/** Returns the request without a cursor before the viewer's history: such a page has none before it. */
function withinHistory(request: PageRequest<number>, startSeq: number): PageRequest<number> {
  return request.after !== null && request.after < startSeq ? { ...request, after: null } : request;
}

async function loadAround(channelId: string, around: string, args: ConnectionArguments, { loaders }: Context) {
  const request = readPageAround(args);
  const messageId = readId('Message', around);
  const page = await loaders.historyAround.load({ channelId, messageId, request });
  return page && { ...connectionOf(page, seqOf), position: page.position };
}

/** Returns the cursor of a message in the history of its channel. */
export function cursorOf(entry: Entry): string {
  return encodeCursor(seqOf(entry));
}

/** Treats a viewer whose membership ended during the request as if the viewer had never been a member. */
export function refusedAsNull(error: unknown): null {
  if (error instanceof ForbiddenError || error instanceof NotFoundError) return null;
  throw error;
}

/** Returns the text of the cursor of a message. */
export function seqOf({ seq }: Entry): string {
  return String(seq);
}

/** Reads the text of the cursor of a message; null if it is none. */
export function parseSeq(cursor: string): number | null {
  return /^\d{1,9}$/.test(cursor) ? Number(cursor) : null;
}
