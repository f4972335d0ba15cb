import type { Context } from '../../../schema/context.ts';
import type { Domain } from '../../../schema/domain.ts';
import { createLoaders } from '../../../schema/loaders.ts';
import type { Viewer } from '../../domain/auth.ts';
import type { Origin } from '../../domain/origin.ts';
import type { UnauthenticatedError } from '../../errors.ts';

/**
 * Creates the context of one operation.
 * @param request the client, which is also the origin of the viewer's actions; the time at which its request arrived, by
 *   `performance.now()`; and the id of the last event that it has read, if it resumes a stream
 */
export function createContext(
  domain: Domain,
  {
    address,
    userAgent,
    requestId,
    arrivedAt,
    lastEventId,
  }: Origin & { arrivedAt: number; lastEventId?: string | undefined },
  viewer: Viewer | null,
  refusal?: UnauthenticatedError,
): Context {
  const origin = { address, userAgent, requestId };
  const own = viewer && { ...viewer, origin };
  const context = {
    address,
    userAgent,
    requestId,
    viewer: own,
    domain,
    loaders: createLoaders(domain, own),
    arrivedAt,
    lastEventId,
  };
  return refusal ? { ...context, refusal } : context;
}

/** Creates the context of results for one viewer, without a connection. */
export function createViewerContext(domain: Domain, viewer: Viewer | null): Context {
  const origin = { address: '', userAgent: '', requestId: '' };
  return { ...origin, viewer, domain, loaders: createLoaders(domain, viewer) };
}

/** Creates the context of results shared by the members of a channel: it has no viewer. */
export function createMemberContext(domain: Domain, channelId: string): Context {
  return { ...createViewerContext(domain, null), memberOf: channelId };
}
