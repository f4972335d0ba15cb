import type {
  ChannelFieldsFragment,
  MatchFieldsFragment,
  MembershipFieldsFragment,
  MessageFieldsFragment,
  UpdatesSubscription,
} from '../gql/graphql.ts';

/** A channel, with the viewer's membership and the numbers of unread messages. */
export type Channel = ChannelFieldsFragment;
/** A message in one state; of two states the one with the higher `position` is newer. */
export type Message = MessageFieldsFragment;
/** The viewer's membership of a channel. */
export type Membership = MembershipFieldsFragment;
/** A match, or a place in the queue. */
export type Match = MatchFieldsFragment;
/** An event of the subscription `updates`. */
export type UpdateEvent = UpdatesSubscription['updates']['event'];
/** A user as `UserChanged` tells of one. */
export type ChangedUser = Extract<UpdateEvent, { __typename: 'UserChanged' }>['user'];
