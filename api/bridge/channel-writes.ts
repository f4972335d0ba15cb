import type { EventOf, Logged, SomeSettings } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { enums, tables } from '../infra/database/tables.ts';
import { bool, int4, nullable, text, timestamptz, uuid } from '../infra/database/types.ts';
import { withKey } from '../text/comparison-key.ts';
import { addHead, type Changeset } from './changeset.ts';
import { assignPlace, placeOf, placeParameters } from './tracking.ts';

/** Inserts the channel of an event, without its members. */
export async function insertChannel(query: Query, event: Logged<EventOf<'ChannelOpened'>>): Promise<void> {
  const { channelId, kind, visibility, name, data, description, members, invitedIds, at } = event;
  const settings = settingsColumns(kind === 'ROOM' ? event.settings : null);
  const memberCount = members.length - invitedIds.length;
  const inserted = { channelId, kind, visibility, ...named(name), data, description, at, memberCount };
  await query(insert, { ...inserted, ...settings, ...placeOf(event) });
}

/** Changes a channel's own properties; null leaves one as it is. */
export async function updateChannel(
  query: Query,
  event: Logged<EventOf<'ChannelUpdated'>>,
  changeset: Changeset,
): Promise<void> {
  const { channelId, name, visibility, description, data } = event;
  const replaced = { description, hasData: data !== null, data: data?.json ?? null };
  const changed = { channelId, ...named(name), visibility, ...replaced, ...settingsColumns(event.settings) };
  const [head] = await query(update, { ...changed, ...placeOf(event) });
  if (head) addHead(changeset, head, event, true);
}

function named(name: string | null): { name: string | null; nameKey: string | null } {
  return name === null ? { name, nameKey: null } : withKey(name);
}

/** Returns the columns of settings; null for each that is missing. */
function settingsColumns(settings: SomeSettings | null) {
  const { send = null, attach = null, invite = null, pin = null } = settings ?? {};
  const { history = null, slowModeSeconds = null } = settings ?? {};
  return { sendRole: send, attachRole: attach, inviteRole: invite, pinRole: pin, history, slowModeSeconds };
}

/** Adds a number to the members of a channel, and raises its version. */
export async function changeMemberCount(query: Query, event: Logged, by: number, changeset: Changeset): Promise<void> {
  const { channelId } = event;
  const [head] = await query(updateMemberCount, { channelId, by, ...placeOf(event) });
  if (head) addHead(changeset, head, event);
}

/** Closes a channel; one that is closed keeps its time. */
export async function closeChannel(query: Query, event: Logged, changeset: Changeset): Promise<void> {
  const { channelId, at } = event;
  const [head] = await query(updateClosed, { channelId, at, ...placeOf(event) });
  if (head) addHead(changeset, head, event, true);
}

/** Closes a channel that has no members left, and raises the version of any other. */
export async function closeIfEmpty(query: Query, event: Logged, changeset: Changeset): Promise<void> {
  const { channelId, at } = event;
  const [head] = await query(updateClosedIfEmpty, { channelId, at, ...placeOf(event) });
  if (head) addHead(changeset, head, event, head.closedAt !== null);
}

/** Raises the version of a channel whose members changed, so that followers look at them. */
export async function touchChannel(query: Query, event: Logged, changeset: Changeset): Promise<void> {
  const [head] = await query(updateVersion, { channelId: event.channelId, ...placeOf(event) });
  if (head) addHead(changeset, head, event);
}

const head = columns(tables.channel, 'channel', ['id', 'position', 'seq', 'version', 'closedAt']);

const propertyParameters = {
  description: nullable(text),
  sendRole: nullable(enums.memberRole),
  attachRole: nullable(enums.memberRole),
  inviteRole: nullable(enums.memberRole),
  pinRole: nullable(enums.memberRole),
  history: nullable(enums.historyAccess),
  slowModeSeconds: nullable(int4),
};

const insert = statement({
  sql: `
    INSERT INTO channel (id, kind, visibility, name, name_key, data, description, created_at, last_activity_at, member_count,
      send_role, attach_role, invite_role, pin_role, history, slow_mode_seconds,
      log_partition, log_offset, changed_offset, log_version, tracked_from, tracked_position)
    VALUES ($channelId, $kind, $visibility, $name, $nameKey, $data, nullif($description, ''), $at, $at, $memberCount,
      coalesce($sendRole, 'MEMBER'), coalesce($attachRole, 'MEMBER'), coalesce($inviteRole, 'MEMBER'),
      coalesce($pinRole, 'MODERATOR'), coalesce($history, 'ALL'), coalesce($slowModeSeconds, 0),
      $partition, $offset, $offset, 0, 0, 0)`,
  parameters: {
    channelId: uuid,
    kind: enums.channelKind,
    visibility: enums.visibility,
    name: nullable(text),
    nameKey: nullable(text),
    data: nullable(text),
    at: timestamptz,
    memberCount: int4,
    ...propertyParameters,
    ...placeParameters,
  },
});

const update = statement({
  sql: sqlForUpdate(
    `
    name = coalesce($name, name), name_key = coalesce($nameKey, name_key), visibility = coalesce($visibility, visibility),
     data = CASE WHEN $hasData THEN $data ELSE data END,
    description = CASE WHEN $description IS NULL THEN description ELSE nullif($description, '') END,
    send_role = coalesce($sendRole, send_role), attach_role = coalesce($attachRole, attach_role),
    invite_role = coalesce($inviteRole, invite_role), pin_role = coalesce($pinRole, pin_role),
    history = coalesce($history, history), slow_mode_seconds = coalesce($slowModeSeconds, slow_mode_seconds)`,
    'true',
  ),
  parameters: {
    channelId: uuid,
    name: nullable(text),
    nameKey: nullable(text),
    visibility: nullable(enums.visibility),
    ...propertyParameters,
    hasData: bool,
    data: nullable(text),
    ...placeParameters,
  },
  row: head.row,
});

const updateMemberCount = statement({
  sql: sqlForUpdate('member_count = member_count + $by', 'false'),
  parameters: { channelId: uuid, by: int4, ...placeParameters },
  row: head.row,
});

const updateClosed = statement({
  sql: sqlForUpdate('closed_at = coalesce(closed_at, $at)', 'closed_at IS NULL'),
  parameters: { channelId: uuid, at: timestamptz, ...placeParameters },
  row: head.row,
});

const updateVersion = statement({
  sql: sqlForUpdate('seq = seq', 'false'),
  parameters: { channelId: uuid, ...placeParameters },
  row: head.row,
});

const updateClosedIfEmpty = statement({
  sql: sqlForUpdate(
    'closed_at = CASE WHEN member_count = 0 THEN coalesce(closed_at, $at) ELSE closed_at END',
    'member_count = 0 AND closed_at IS NULL',
  ),
  parameters: { channelId: uuid, at: timestamptz, ...placeParameters },
  row: head.row,
});

/**
 * A change of a channel's own columns takes no position.
 * @param isChanged condition on the channel before: its properties change
 */
function sqlForUpdate(assignments: string, isChanged: string): string {
  return `
    UPDATE channel SET ${assignments}, version = version + 1, ${assignPlace('channel', { isChanged })}
    WHERE id = $channelId RETURNING ${head.list}`;
}
