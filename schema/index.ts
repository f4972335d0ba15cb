import './accounts.ts';
import './activity.ts';
import './channels.ts';
import './errors.ts';
import './limits.ts';
import './matching.ts';
import './messages.ts';
import './moderation.ts';
import './presence.ts';
import './reactions.ts';
import './receipts.ts';
import './reports.ts';
import './room-moderation.ts';
import './preferences.ts';
import './scalars.ts';
import './stream-tickets.ts';
import './suspensions.ts';
import './updates.ts';
import './updates-subscription.ts';
import './uploads.ts';
import { boundArguments } from './bounds.ts';
import { builder } from './builder.ts';
import { renewLoaders } from './fresh-loaders.ts';
import { resolveIdsAtOnce } from './node-ids.ts';
import { paceLists } from './paced-lists.ts';
import { stopLate } from './stop-late.ts';

/** The GraphQL schema of Parley. */
export const schema = paceLists(stopLate(boundArguments(renewLoaders(resolveIdsAtOnce(builder.toSchema())))));
