import type { Accounts } from '../api/domain/accounts.ts';
import type { Viewer } from '../api/domain/auth.ts';
import type { Avatars } from '../api/domain/avatars.ts';
import type { ChannelList } from '../api/domain/channel-list.ts';
import type { Channels } from '../api/domain/channels.ts';
import type { Matching } from '../api/domain/matching.ts';
import type { Messages } from '../api/domain/messages.ts';
import type { Moderation } from '../api/domain/moderation.ts';
import type { PresenceDomain } from '../api/domain/presence.ts';
import type { Receipts } from '../api/domain/receipts.ts';
import type { Uploads } from '../api/domain/uploads.ts';
import { UnauthenticatedError } from '../api/errors.ts';
import type { LimitValues } from './limits.ts';
import type { Loaders } from './loaders.ts';

/** Every noun of the domain; the composition root makes it. */
export interface Domain {
  accounts: Accounts;
  avatars: Avatars;
  channels: Channels;
  channelList: ChannelList;
  limits: LimitValues;
  matching: Matching;
  messages: Messages;
  moderation: Moderation;
  presence: PresenceDomain;
  receipts: Receipts;
  uploads: Uploads;
}

/** What a resolver gets: one for each operation. */
export interface Context {
  /** Who asks; null without a token. */
  viewer: Viewer | null;
  /** Why there is no viewer although a token was given: what the refusal says. */
  refusal?: UnauthenticatedError;
  /** The channel for whose members, all of them, a result is made; then there is no viewer. */
  memberOf?: string;
  domain: Domain;
  loaders: Loaders;
  /** The client's IP address. */
  address: string;
  /** What the client calls itself, for the list of sessions. */
  userAgent: string;
}

/**
 * The viewer of an operation that needs one.
 * @throws UnauthenticatedError without a valid token
 */
export function requireViewer({ viewer, refusal }: Context): Viewer {
  if (viewer === null)
    throw refusal ?? new UnauthenticatedError('Sign in first: send a token as `Authorization: Bearer …`.');
  return viewer;
}
