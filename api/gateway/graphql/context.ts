import type { Context } from '../../../schema/context.ts';
import type { Domain } from '../../../schema/domain.ts';
import { createLoaders } from '../../../schema/loaders.ts';
import type { Viewer } from '../../domain/auth.ts';
import type { UnauthenticatedError } from '../../errors.ts';
import type { Caller } from '../auth/caller.ts';

/** Creates the context of one operation. */
export function createContext(
  domain: Domain,
  caller: Caller,
  viewer: Viewer | null,
  refusal?: UnauthenticatedError,
): Context {
  const context = { ...caller, viewer, domain, loaders: createLoaders(domain, viewer) };
  return refusal ? { ...context, refusal } : context;
}

/** Creates the context of results for one viewer, without a connection. */
export function createViewerContext(domain: Domain, viewer: Viewer | null): Context {
  return createContext(domain, { address: '', userAgent: '' }, viewer);
}

/** Creates the context of results shared by the members of a channel: it has no viewer. */
export function createMemberContext(domain: Domain, channelId: string): Context {
  return { ...createViewerContext(domain, null), memberOf: channelId };
}
