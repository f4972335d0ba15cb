import { describe, expect, it, test } from 'vitest';
import {
  type Capability,
  capabilities,
  capabilitiesOf,
  roleSettings,
  type Standing,
  standingOf,
  standings,
} from '../../api/domain/capabilities.ts';
import type { ChannelFacts, MemberFacts } from '../../api/domain/channel-facts.ts';
import { may } from '../../api/domain/policies.ts';
import { type ChannelKind, channelKinds, type MemberRole, memberRoles, visibilities } from '../../api/events.ts';

const now = '2026-01-01T00:00:00.000Z';
const later = '2026-01-01T00:00:00.001Z';

const room: ChannelFacts = {
  kind: 'ROOM',
  visibility: 'PUBLIC',
  closedAt: null,
  sendRole: 'MEMBER',
  attachRole: 'MEMBER',
  inviteRole: 'MEMBER',
  pinRole: 'MODERATOR',
  history: 'ALL',
};

/** Membership of each standing. */
const members: Record<Standing, (role: MemberRole) => MemberFacts | null> = {
  NONE: () => null,
  INVITED: () => ({ ...active('MEMBER'), state: 'INVITED' }),
  DECLINED: () => ({ ...active('MEMBER'), state: 'DECLINED' }),
  ACTIVE: active,
  MUTED: (role) => ({ ...active(role), mutedUntil: later }),
  LEFT: () => ({ ...active('MEMBER'), state: 'LEFT' }),
  REMOVED: () => ({ ...active('MEMBER'), state: 'REMOVED' }),
  BANNED: () => ({ ...active('MEMBER'), state: 'REMOVED', bannedAt: now }),
};

function active(role: MemberRole): MemberFacts {
  return { role, state: 'ACTIVE', revision: 1, mutedUntil: null, bannedAt: null, readableFrom: 0, readablePosition: 0 };
}

const writing = 'SEND ATTACH REACT TYPE INVITE';
const moderating = 'MENTION_ALL PIN KICK BAN MUTE DELETE_MESSAGES';
const owning = 'UPDATE CLOSE SET_ROLE';
const directly = 'SEND ATTACH REACT TYPE MENTION_ALL PIN';

/** Everything that users of a standing may do, by role, in an open room of default settings and in a closed one. */
const inRooms: Record<Standing, Record<MemberRole, { open: string; closed: string }>> = {
  NONE: sameForAll({ open: 'JOIN', closed: '' }),
  INVITED: sameForAll({ open: 'JOIN LEAVE', closed: 'LEAVE' }),
  DECLINED: sameForAll({ open: 'JOIN', closed: '' }),
  ACTIVE: {
    OWNER: {
      open: `${writing} ${moderating} ${owning} LEAVE`,
      closed: 'KICK BAN DELETE_MESSAGES SET_ROLE LEAVE',
    },
    MODERATOR: { open: `${writing} ${moderating} LEAVE`, closed: 'KICK BAN DELETE_MESSAGES LEAVE' },
    MEMBER: { open: `${writing} LEAVE`, closed: 'LEAVE' },
  },
  MUTED: {
    OWNER: {
      open: `KICK BAN MUTE DELETE_MESSAGES ${owning} LEAVE`,
      closed: 'KICK BAN DELETE_MESSAGES SET_ROLE LEAVE',
    },
    MODERATOR: { open: 'KICK BAN MUTE DELETE_MESSAGES LEAVE', closed: 'KICK BAN DELETE_MESSAGES LEAVE' },
    MEMBER: { open: 'LEAVE', closed: 'LEAVE' },
  },
  LEFT: sameForAll({ open: 'JOIN', closed: '' }),
  REMOVED: sameForAll({ open: 'JOIN', closed: '' }),
  BANNED: sameForAll({ open: '', closed: '' }),
};

/** The same in channels of the other kinds, where roles do not count. */
const elsewhere: Record<Exclude<ChannelKind, 'ROOM'>, Record<Standing, { open: string; closed: string }>> = {
  DIRECT: {
    NONE: { open: '', closed: '' },
    INVITED: { open: 'SEND ATTACH JOIN LEAVE', closed: 'LEAVE' },
    DECLINED: { open: 'JOIN', closed: '' },
    ACTIVE: { open: `${directly} LEAVE`, closed: 'LEAVE' },
    MUTED: { open: 'LEAVE', closed: 'LEAVE' },
    LEFT: { open: '', closed: '' },
    REMOVED: { open: '', closed: '' },
    BANNED: { open: '', closed: '' },
  },
  MATCH: {
    NONE: { open: '', closed: '' },
    INVITED: { open: '', closed: '' },
    DECLINED: { open: '', closed: '' },
    ACTIVE: { open: `${directly} LEAVE`, closed: 'LEAVE' },
    MUTED: { open: 'LEAVE', closed: 'LEAVE' },
    LEFT: { open: '', closed: '' },
    REMOVED: { open: '', closed: '' },
    BANNED: { open: '', closed: '' },
  },
};

/** Capabilities that follow each setting, by its value: the active members who have them in an open room. */
const bySetting: Record<(typeof roleSettings)[number], Partial<Record<Capability, Record<MemberRole, string>>>> = {
  sendRole: {
    SEND: upTo(),
    ATTACH: upTo(),
    TYPE: upTo(),
    MENTION_ALL: { OWNER: 'OWNER', MODERATOR: 'OWNER MODERATOR', MEMBER: 'OWNER MODERATOR' },
  },
  attachRole: { ATTACH: upTo() },
  inviteRole: { INVITE: upTo() },
  pinRole: { PIN: upTo() },
};

function upTo(): Record<MemberRole, string> {
  return { OWNER: 'OWNER', MODERATOR: 'OWNER MODERATOR', MEMBER: 'OWNER MODERATOR MEMBER' };
}

function sameForAll<Row>(row: Row): Record<MemberRole, Row> {
  return { OWNER: row, MODERATOR: row, MEMBER: row };
}

/** Returns the row for a case. */
function rowOf(kind: ChannelKind, standing: Standing, role: MemberRole): { open: string; closed: string } {
  return kind === 'ROOM' ? inRooms[standing][role] : elsewhere[kind][standing];
}

const namesIn = (list: string) => list.split(' ').filter(Boolean).sort();

/** Every kind, visibility, standing, role and state. */
const cases = channelKinds.flatMap((kind) =>
  visibilities.flatMap((visibility) =>
    standings.flatMap((standing) =>
      memberRoles.flatMap((role) =>
        (['open', 'closed'] as const).map((state) => ({ kind, visibility, standing, role, state })),
      ),
    ),
  ),
);

describe('the table of capabilities', () => {
  test.each(channelKinds)('has a row for each standing, role and state in a channel of kind %s', (kind) => {
    for (const { visibility, standing, role, state } of cases.filter((one) => one.kind === kind)) {
      const channel = { ...room, kind, visibility, closedAt: state === 'closed' ? now : null };
      const row = namesIn(rowOf(kind, standing, role)[state]);
      const mayJoin = visibility === 'PUBLIC' || standing === 'INVITED' || standing === 'DECLINED';
      const expected = row.filter((name) => name !== 'JOIN' || mayJoin);
      const found = capabilitiesOf(channel, members[standing](role), now);
      expect([...found].sort(), `${kind} ${visibility} ${standing} ${role} ${state}`).toEqual(expected);
    }
  });

  it('has a row for each capability', () => {
    const rows = cases.flatMap(({ kind, standing, role, state }) => namesIn(rowOf(kind, standing, role)[state]));
    expect([...new Set(rows)].sort()).toEqual([...capabilities].sort());
  });

  test.each(roleSettings)('follows the setting %s in rooms, and nothing else does', (setting) => {
    for (const value of memberRoles) {
      for (const capability of capabilities) {
        const row = bySetting[setting][capability]?.[value];
        const having = (facts: ChannelFacts) =>
          memberRoles.filter((role) => may(capability, facts, active(role), now) === null).join(' ');
        expect(having({ ...room, [setting]: value }), `${setting} ${value} ${capability}`).toBe(row ?? having(room));
      }
    }
  });

  test.each(['DIRECT', 'MATCH'] as const)('ignores settings in a channel of kind %s', (kind) => {
    const strict = { sendRole: 'OWNER', attachRole: 'OWNER', inviteRole: 'OWNER', pinRole: 'OWNER' } as const;
    const facts: ChannelFacts = { ...room, kind, visibility: 'PRIVATE' };
    expect(capabilitiesOf({ ...facts, ...strict }, active('MEMBER'), now)).toEqual(
      capabilitiesOf(facts, active('MEMBER'), now),
    );
  });
});

test('a block between the members of a direct channel keeps both from writing, and counts nowhere else', () => {
  for (const kind of channelKinds) {
    const channel: ChannelFacts = { ...room, kind, isBlocked: true };
    const free = capabilitiesOf({ ...channel, isBlocked: false }, active('MEMBER'), now);
    expect(capabilitiesOf(channel, active('MEMBER'), now)).toEqual(
      kind === 'DIRECT' ? free.filter((name) => !namesIn(directly).includes(name)) : free,
    );
  }
});

describe('a refusal', () => {
  it('is made for exactly the capabilities that a user lacks', () => {
    for (const { kind, visibility, standing, role, state } of cases) {
      const channel = { ...room, kind, visibility, closedAt: state === 'closed' ? now : null };
      const member = members[standing](role);
      const allowed = capabilities.filter((capability) => may(capability, channel, member, now) === null);
      expect(allowed).toEqual(capabilitiesOf(channel, member, now));
    }
  });

  it('does not tell outsiders that a private channel exists', () => {
    const outsiders = standings.filter((standing) => !['ACTIVE', 'MUTED', 'INVITED'].includes(standing));
    for (const kind of channelKinds) {
      for (const standing of outsiders.filter((one) => kind !== 'MATCH' || one !== 'LEFT')) {
        const channel: ChannelFacts = { ...room, kind, visibility: 'PRIVATE' };
        const member = members[standing]('MEMBER');
        const lacking = capabilities.filter((one) => may(one, channel, member, now) !== null);
        const codes = lacking.map((capability) => may(capability, channel, member, now)?.code);
        expect(new Set(codes), `${kind} ${standing}`).toEqual(new Set(['NOT_FOUND']));
      }
    }
  });

  it('names its cause', () => {
    const codeOf = (capability: Capability, channel: ChannelFacts, member: MemberFacts | null) =>
      may(capability, channel, member, now);
    expect(codeOf('SEND', room, null)).toMatchObject({ code: 'FORBIDDEN', message: expect.stringContaining('Join') });
    expect(codeOf('JOIN', room, members.BANNED('MEMBER'))).toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining('banned'),
    });
    expect(codeOf('SEND', room, members.MUTED('MEMBER'))).toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining('muted'),
    });
    expect(codeOf('SEND', { ...room, closedAt: now }, active('MEMBER'))?.code).toBe('CONFLICT');
    expect(codeOf('JOIN', { ...room, closedAt: now }, null)?.code).toBe('CONFLICT');
    expect(codeOf('KICK', room, active('MEMBER'))?.code).toBe('FORBIDDEN');
    expect(codeOf('INVITE', { ...room, kind: 'DIRECT' }, active('MEMBER'))?.code).toBe('FORBIDDEN');
  });
});

test('a block keeps the members of a direct channel from writing and from accepting', () => {
  const direct: ChannelFacts = { ...room, kind: 'DIRECT', visibility: 'PRIVATE', isBlocked: true };
  expect(capabilitiesOf(direct, active('MEMBER'), now)).toEqual(['LEAVE']);
  expect(capabilitiesOf(direct, members.INVITED('MEMBER'), now)).toEqual(['LEAVE']);
  expect(may('SEND', direct, active('MEMBER'), now)?.code).toBe('CONFLICT');
});

test('a mute ends at its time', () => {
  const muted = members.MUTED('MEMBER');
  expect(standingOf(muted, now)).toBe('MUTED');
  expect(standingOf(muted, later)).toBe('ACTIVE');
});
