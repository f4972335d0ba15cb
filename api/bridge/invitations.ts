import type { Logged } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { addMembership, type Changeset } from './changeset.ts';
import { changeMemberCount, touchChannel } from './channel-writes.ts';
import { inviteMember, markAccepted, markDeclined } from './member-writes.ts';

/*
 * Changes of memberships without an entry. Each raises the version of the channel, so that its followers hear of the event, and
 * resumed streams find it by its place in the log.
 */

/** Asks a user to become a member. */
export async function inviteUser(query: Query, event: Logged, userId: string, changeset: Changeset): Promise<void> {
  await inviteMember(query, event, userId);
  await touchChannel(query, event, changeset);
  addMembership(changeset, event.channelId, userId);
}

/** Makes a user who was asked for a direct conversation a member of it. The messages that came before stay unread. */
export async function acceptDirect(query: Query, event: Logged, userId: string, changeset: Changeset): Promise<void> {
  await markAccepted(query, event, userId);
  await changeMemberCount(query, event, 1, changeset);
  addMembership(changeset, event.channelId, userId);
}

/** Ends an invitation for good. */
export async function declineInvitation(
  query: Query,
  event: Logged,
  userId: string,
  changeset: Changeset,
): Promise<void> {
  await markDeclined(query, event, userId);
  await touchChannel(query, event, changeset);
  addMembership(changeset, event.channelId, userId);
}
