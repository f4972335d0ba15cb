import type { Accounts } from '../api/domain/accounts.ts';
import type { Activity } from '../api/domain/activity/activity.ts';
import type { AvatarCache } from '../api/domain/avatar-cache.ts';
import type { Avatars } from '../api/domain/avatars.ts';
import type { ChannelList } from '../api/domain/channel-list.ts';
import type { Channels } from '../api/domain/channels.ts';
import type { Matching } from '../api/domain/matching.ts';
import type { MessageVersions } from '../api/domain/message-versions.ts';
import type { Messages } from '../api/domain/messages.ts';
import type { Moderation } from '../api/domain/moderation.ts';
import type { OnlineMembersOfChannels } from '../api/domain/online-members.ts';
import type { Pins } from '../api/domain/pins.ts';
import type { PreferenceStore } from '../api/domain/preferences.ts';
import type { PresenceDomain } from '../api/domain/presence.ts';
import type { Reactions } from '../api/domain/reactions.ts';
import type { Receipts } from '../api/domain/receipts.ts';
import type { Replies } from '../api/domain/replies.ts';
import type { ReportActions } from '../api/domain/report-actions.ts';
import type { Reports } from '../api/domain/reports.ts';
import type { RoomModeration } from '../api/domain/room-moderation.ts';
import type { StreamTickets } from '../api/domain/stream-tickets.ts';
import type { Suspensions } from '../api/domain/suspensions.ts';
import type { LiveUpdates } from '../api/domain/updates/live-updates.ts';
import type { Updates } from '../api/domain/updates/updates.ts';
import type { Uploads } from '../api/domain/uploads.ts';

/** Bounds of this server that a client should know. */
export interface LimitValues {
  /** Maximum bytes of UTF-8 in a message's text. */
  messageBytes: number;
  /** Maximum bytes of custom data, as JSON in UTF-8. */
  dataBytes: number;
  /** Maximum number of users whom a message mentions by their ids. */
  mentions: number;
  /** Maximum bytes of one file. */
  uploadBytes: number;
  /** Maximum number of files per message. */
  attachments: number;
  /** Maximum number of changes that a subscription replays. */
  replay: number;
  /** Maximum number of kinds of reactions to one message. */
  reactions: number;
  /** Maximum number of pinned messages of a channel. */
  pins: number;
  /** Days for which messages are kept; 0: they stay. */
  retentionDays: number;
  /** Days for which a cursor of `updates` can be used. */
  cursorDays: number;
  /** Minimum number of Unicode code points of a new password. */
  passwordLength: number;
}

/** The domain, by noun. The composition root (`api/compose/domain.ts`) makes it. */
export interface Domain {
  accounts: Accounts;
  activity: Pick<Activity, 'typing' | 'follow'>;
  avatars: Pick<Avatars, 'url'> & Pick<AvatarCache, 'picture'>;
  channels: Channels;
  channelList: ChannelList;
  limits: LimitValues;
  matching: Matching;
  messages: Messages;
  messageVersions: MessageVersions;
  moderation: Moderation;
  onlineMembers: Pick<OnlineMembersOfChannels, 'of'>;
  pins: Pins;
  presence: PresenceDomain;
  preferences: PreferenceStore;
  reactions: Reactions;
  receipts: Receipts;
  replies: Replies;
  reports: Reports & ReportActions;
  roomModeration: RoomModeration;
  suspensions: Suspensions;
  streamTickets: StreamTickets;
  updates: Updates;
  liveUpdates: Pick<LiveUpdates, 'follow'>;
  uploads: Uploads;
}
