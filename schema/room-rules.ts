import type { Capability as CapabilityName } from '../api/domain/capabilities.ts';
import { maxSlowModeSeconds } from '../api/domain/room-properties.ts';
import type { historyAccesses, memberRoles, ChannelSettings as Settings, SomeSettings } from '../api/events.ts';
import type { Channel as ChannelRow } from '../prisma/generated/client.ts';
import { builder, shareable } from './builder.ts';

/** Role of a member in a room. */
export const MemberRole = builder.enumType('MemberRole', {
  description: 'Role of a member in a room.',
  values: {
    OWNER: { description: 'May rename and close the room.' },
    MODERATOR: { description: 'May moderate the room.' },
    MEMBER: { description: 'May read and write.' },
  } satisfies Record<(typeof memberRoles)[number], object>,
});

/** Something that a user may do in a channel. */
export const Capability = builder.enumType('Capability', {
  description: 'Something that a user may do in a channel.',
  values: {
    SEND: { description: 'Send messages, and edit own ones.' },
    ATTACH: { description: 'Attach files to messages.' },
    REACT: { description: 'React to messages.' },
    TYPE: { description: 'Show others that the user is typing.' },
    MENTION_ALL: { description: 'Mention every member.' },
    INVITE: { description: 'Invite users.' },
    PIN: { description: 'Pin messages, and unpin them.' },
    UPDATE: { description: "Change the room's properties and settings." },
    CLOSE: { description: 'Close the room.' },
    KICK: { description: 'Remove members of lower roles.' },
    BAN: { description: 'Ban users of lower roles, and end bans.' },
    MUTE: { description: 'Mute members of lower roles.' },
    DELETE_MESSAGES: { description: 'Delete the messages of everybody. Own messages can always be deleted.' },
    SET_ROLE: { description: 'Change the roles of members.' },
    JOIN: { description: 'Join the room.' },
    LEAVE: { description: 'Leave the channel.' },
  } satisfies Record<CapabilityName, object>,
});

const HistoryAccess = builder.enumType('HistoryAccess', {
  description: "Part of a room's history that new members can read.",
  values: {
    ALL: { description: 'Everything.' },
    SINCE_JOINED: { description: 'Only messages that were sent since they joined, from their own JOINED entry on.' },
  } satisfies Record<(typeof historyAccesses)[number], object>,
});

/** Rules of a room. */
export const ChannelSettings = builder.objectRef<Settings>('ChannelSettings').implement({
  description: 'Rules of a room, most of which name the lowest role that may do something.',
  fields: (t) => ({
    send: t.field({
      type: MemberRole,
      extensions: shareable,
      description: 'Lowest role that may send.',
      resolve: ({ send }) => send,
    }),
    attach: t.field({
      type: MemberRole,
      extensions: shareable,
      description: 'Lowest role that may attach files, if it may send.',
      resolve: ({ attach }) => attach,
    }),
    invite: t.field({
      type: MemberRole,
      extensions: shareable,
      description: 'Lowest role that may invite users.',
      resolve: ({ invite }) => invite,
    }),
    pin: t.field({
      type: MemberRole,
      extensions: shareable,
      description: 'Lowest role that may pin messages.',
      resolve: ({ pin }) => pin,
    }),
    history: t.field({
      type: HistoryAccess,
      extensions: shareable,
      description:
        'History that new members can read. It is fixed when a user becomes a member, and again after leaving and returning; a change of the setting leaves present members as they are. Owners and moderators read everything.',
      resolve: ({ history }) => history,
    }),
    slowModeSeconds: t.int({
      extensions: shareable,
      description:
        'Minimum number of seconds between two messages of a member without a moderating role. 0 sets no limit.',
      resolve: ({ slowModeSeconds }) => slowModeSeconds,
    }),
  }),
});

/** Rules of a room that a client sets. */
export const ChannelSettingsInput = builder.inputType('ChannelSettingsInput', {
  description: 'Rules of a room. A field that is left out stays as it is; in a new room it has its default.',
  fields: (t) => ({
    send: t.field({ type: MemberRole, description: 'Lowest role that may send. MEMBER by default.' }),
    attach: t.field({ type: MemberRole, description: 'Lowest role that may attach files. MEMBER by default.' }),
    invite: t.field({ type: MemberRole, description: 'Lowest role that may invite users. MEMBER by default.' }),
    pin: t.field({ type: MemberRole, description: 'Lowest role that may pin messages. MODERATOR by default.' }),
    history: t.field({
      type: HistoryAccess,
      description: 'History that users who become members from now on can read. ALL by default.',
    }),
    slowModeSeconds: t.int({
      description: `Minimum number of seconds between two messages of a member without a moderating role, 0 to ${maxSlowModeSeconds}. 0 by default.`,
    }),
  }),
});

/** Returns the rules of a room. */
export function settingsOf({
  sendRole,
  attachRole,
  inviteRole,
  pinRole,
  history,
  slowModeSeconds,
}: Omit<ChannelRow, 'id'>): Settings {
  return { send: sendRole, attach: attachRole, invite: inviteRole, pin: pinRole, history, slowModeSeconds };
}

/** Settings of a new room. */
export const defaultSettings: Settings = {
  send: 'MEMBER',
  attach: 'MEMBER',
  invite: 'MEMBER',
  pin: 'MODERATOR',
  history: 'ALL',
  slowModeSeconds: 0,
};

/** Returns the settings that an input names; null if it names none. */
export function toSettings(input: typeof ChannelSettingsInput.$inferInput | null | undefined): SomeSettings | null {
  const named = Object.entries(input ?? {}).filter(([, value]) => value !== null && value !== undefined);
  return named.length === 0 ? null : (Object.fromEntries(named) as SomeSettings);
}
