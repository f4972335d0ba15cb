import type { IncomingMessage } from 'node:http';
import type { Viewer } from '../../domain/auth.ts';
import type { Origin } from '../../domain/origin.ts';
import type { StreamTickets } from '../../domain/stream-tickets.ts';
import { UnauthenticatedError } from '../../errors.ts';

/** Separates the position from the secret in the id of an event. */
const separator = '~';

/** The client of a stream, and its progress. */
export interface StreamClient {
  viewer: Viewer | null;
  /** Error for operations that need a viewer. */
  refusal?: UnauthenticatedError;
  /** Position in the id of the last event; undefined without one. */
  lastEventId: string | undefined;
  /** Text that follows the position in the ids of the stream's events. */
  suffix: string;
}

/** Returns the stream ticket in the URL of a GET request without `Authorization`; null if there is none. */
export function streamTicketOf({ method, url = '', headers }: IncomingMessage): string | null {
  if (method !== 'GET' || headers.authorization !== undefined) return null;
  const { searchParams } = new URL(url, 'http://localhost');
  return searchParams.get('ticket');
}

/**
 * Returns the viewer of a request with a stream ticket. The ids of its stream's events carry a secret, so that a browser that
 * opens the stream again proves by `Last-Event-ID` that it has read it.
 */
export async function identifyByTicket(
  tickets: StreamTickets,
  { ticket, lastEventId = '', origin }: { ticket: string; lastEventId: string | undefined; origin: Origin },
): Promise<StreamClient> {
  const [position = '', secret = null] = lastEventId.split(separator, 2);
  const resumed = { lastEventId: position || undefined };
  try {
    const redeemed = await tickets.redeem(ticket, secret, origin);
    return { ...resumed, viewer: redeemed.viewer, suffix: `${separator}${redeemed.secret}` };
  } catch (error) {
    if (error instanceof UnauthenticatedError) return { ...resumed, viewer: null, refusal: error, suffix: '' };
    throw error;
  }
}
