import type { Path } from 'graphql/jsutils/Path.js';
import type { Viewer } from '../api/domain/auth.ts';
import type { Origin } from '../api/domain/origin.ts';
import { UnauthenticatedError } from '../api/errors.ts';
import type { Entry, ReactionSummary } from '../api/events.ts';
import type { Pacer } from '../api/pacer.ts';
import type { Domain } from './domain.ts';
import type { Loaders } from './loaders.ts';

/** The progress of one execution, for its resolvers. */
export interface Execution {
  /** Whether it has taken too long, so that no further resolver begins. */
  isOver: boolean;
}

/** A value in a result that depends on the viewer, where the result is made for many: whether the viewer has reacted. */
export interface ReactionMark {
  /** Path of the value in the result. */
  path: Path;
  entry: Entry;
  reaction: ReactionSummary;
}

/** A message in a result that is made for many: some of them may not read it. */
export interface QuoteMark {
  /** Path of the message in the result. */
  path: Path;
  /** The entry that replies to it. */
  entry: Entry;
  quoted: Entry;
}

/** The context of resolvers: one per operation. */
export interface Context extends Origin {
  /** The signed-in user; null without a valid token. */
  viewer: Viewer | null;
  /** Set when the request has a token that is not valid: the error for operations that need a viewer. */
  refusal?: UnauthenticatedError;
  /** Set when a result is made once for every member of this channel; `viewer` is null then. */
  memberOf?: string;
  /** Set together with `memberOf`: collects the values that must be filled in for each viewer. */
  marks?: (ReactionMark | QuoteMark)[];
  /**
   * Time by `performance.now()` from which the operation's time is limited: its request arrived then, or the execution of a live
   * result began.
   */
  arrivedAt?: number;
  /** Id of the last event that the client has read of server-sent events that it resumes. */
  lastEventId?: string | undefined;
  /** The execution that the context belongs to, if its time is limited. */
  execution?: Execution;
  /** Set for large operations: their lists are executed in parts. */
  pacer?: Pacer;
  domain: Domain;
  loaders: Loaders;
}

/**
 * Returns the viewer of an operation that needs one.
 * @throws UnauthenticatedError if the request has no valid token
 */
export function requireViewer({ viewer, refusal }: Context): Viewer {
  if (viewer === null)
    throw refusal ?? new UnauthenticatedError('Sign in first: send a token as `Authorization: Bearer …`.');
  return viewer;
}

/**
 * Returns the viewer of an operation that also works without one: null if the request has no token.
 * @throws UnauthenticatedError if the token is not valid: the client must renew it, and would otherwise read nothing
 */
export function optionalViewer({ viewer, refusal }: Context): Viewer | null {
  if (viewer === null && refusal !== undefined) throw refusal;
  return viewer;
}
