import type { SignedIn } from '../api/domain/sessions.ts';
import { storable } from '../api/domain/text.ts';
import type { NameKey } from '../api/domain/user-reads.ts';
import type { Session as SessionRow, User as UserRow } from '../prisma/generated/client.ts';
import { builder, shareable } from './builder.ts';
import type { Context } from './context.ts';
import { requireViewer } from './context.ts';
import { findId, isUuid, readId } from './ids.ts';
import { readPage, toConnection } from './pages.ts';

/** A user as the database has it; `isSelf` is set on the user of a new session, which begins before there is a viewer. */
export const User = builder.objectRef<UserRow & { isSelf?: boolean }>('User');
/** A sign-in as the database has it. */
const DeviceSession = builder.objectRef<SessionRow>('DeviceSession');
const Session = builder.objectRef<SignedIn>('Session');

builder.node(User, {
  description: 'Somebody: a guest, or a user with a password.',
  id: { resolve: ({ id }) => id },
  loadOne: (id, { viewer, loaders }) => (viewer === null ? null : loaders.user.load(id)),
  fields: (t) => ({
    name: t.exposeString('name', { extensions: shareable, description: 'What the user is called; not unique.' }),
    avatarUrl: t.string({
      extensions: shareable,
      description:
        "The user's picture, on this server always: what the user uploaded, else Gravatar's where the server is set to fetch it, else one drawn from the id.",
      resolve: (user, _args, { domain }) => domain.avatars.url(user),
    }),
    isGuest: t.boolean({
      extensions: shareable,
      description: 'Has no password yet.',
      resolve: ({ passwordHash }) => passwordHash === null,
    }),
    lastSeenAt: t.field({
      type: 'DateTime',
      nullable: true,
      extensions: shareable,
      description: 'When the last connection ended; null when there never was one.',
      resolve: async ({ id }, _args, { loaders }) => (await loaders.presentUser(id)).lastSeenAt,
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      extensions: shareable,
      description: 'When the user came to be.',
    }),
    email: t.string({
      nullable: true,
      description: 'The e-mail address. Null unless it is the viewer.',
      resolve: (user, _args, { viewer }) => (isOwn(user, viewer) ? user.email : null),
    }),
    isModerator: t.boolean({
      nullable: true,
      description: 'May moderate the whole service. Null unless it is the viewer.',
      resolve: (user, _args, { viewer }) => (isOwn(user, viewer) ? user.isModerator : null),
    }),
  }),
});

Session.implement({
  description: 'What signing in gives.',
  fields: (t) => ({
    token: t.exposeString('token', {
      description: "A JWT for `Authorization: Bearer …` and for the WebSocket's connection_init payload.",
    }),
    refreshToken: t.exposeString('refreshToken', {
      description: 'Exchange it by `refresh` before the token ends. It is used once.',
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the token ends.' }),
    user: t.field({
      type: User,
      description: 'Who signed in.',
      resolve: async ({ userId }, _args, { domain }) => ({ ...(await domain.accounts.byId(userId)), isSelf: true }),
    }),
  }),
});

function isOwn({ id, isSelf = false }: typeof User.$inferType, viewer: Context['viewer']): boolean {
  return isSelf || id === viewer?.userId;
}

builder.node(DeviceSession, {
  description: 'One sign-in of one device.',
  id: { resolve: ({ id }) => id },
  loadOne: (id, { viewer, domain }) => viewer && domain.accounts.session(viewer, id),
  fields: (t) => ({
    device: t.exposeString('device', { description: 'What the device called itself.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it signed in.' }),
    lastUsedAt: t.expose('lastUsedAt', { type: 'DateTime', description: 'When it got a token last.' }),
    current: t.boolean({
      description: 'It is the one that asks.',
      resolve: ({ id }, _args, { viewer }) => id === viewer?.sessionId,
    }),
    revokedAt: t.expose('revokedAt', { type: 'DateTime', nullable: true, description: 'When it was ended.' }),
  }),
});

builder.queryFields((t) => ({
  me: t.field({
    type: User,
    nullable: true,
    description: 'The signed-in user; null when the request carries no token.',
    resolve: (_root, _args, context) => {
      if (context.viewer === null && context.refusal === undefined) return null;
      return context.loaders.user.load(requireViewer(context).userId);
    },
  }),
  user: t.field({
    type: User,
    nullable: true,
    description: 'The user with that id; null when there is none.',
    args: { id: t.arg.id({ required: true, description: 'Of a user.' }) },
    resolve: (_root, { id }, context) => {
      requireViewer(context);
      const userId = findId('User', id);
      return userId === null ? null : context.loaders.user.load(userId);
    },
  }),
  users: t.connection(
    {
      type: User,
      nullable: true,
      description: 'Users whose name begins so, for writing to them or inviting them.',
      args: { search: t.arg.string({ required: true, description: 'The beginning of a name, in any case.' }) },
      resolve: async (_root, { search, ...args }, context) => {
        requireViewer(context);
        const request = readPage(args, parseNameKey);
        return toConnection(await context.domain.accounts.search(search, request), request, nameKey);
      },
    },
    { name: 'UserConnection', description: 'A page of users.' },
    { name: 'UserEdge', description: 'A user that was found.' },
  ),
  sessions: t.field({
    type: [DeviceSession],
    nullable: true,
    description: "The viewer's sign-ins, one a device, the newest first.",
    resolve: (_root, _args, context) => context.domain.accounts.sessions(requireViewer(context)),
  }),
}));

const RegisterInput = builder.inputType('RegisterInput', {
  description: 'Who is to be a user.',
  fields: (t) => ({
    email: t.string({ required: true, description: 'To sign in with; nobody else sees it.' }),
    password: t.string({ required: true, description: 'At least 8 characters.' }),
    name: t.string({ required: true, description: 'What to be called: 1 to 50 characters.' }),
    device: t.string({ description: 'What this device is called in `sessions`.' }),
  }),
});

const LoginInput = builder.inputType('LoginInput', {
  description: 'Who signs in.',
  fields: (t) => ({
    email: t.string({ required: true, description: 'As given to `register`, in any case.' }),
    password: t.string({ required: true, description: 'As given to `register`.' }),
    device: t.string({ description: 'What this device is called in `sessions`.' }),
  }),
});

const GuestInput = builder.inputType('GuestInput', {
  description: 'Who wants to try it.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'What to be called: 1 to 50 characters.' }),
    email: t.string({ description: 'For the picture alone, where the server fetches it from Gravatar.' }),
    device: t.string({ description: 'What this device is called in `sessions`.' }),
  }),
});

const ProfileInput = builder.inputType('ProfileInput', {
  description: 'What to change of oneself; what is left out stays.',
  fields: (t) => ({
    name: t.string({ description: 'What to be called: 1 to 50 characters.' }),
    avatarId: t.id({ description: 'The picture to show: one that was uploaded without a channel.' }),
  }),
});

builder.mutationFields((t) => ({
  register: t.field({
    type: Session,
    nullable: true,
    description:
      'A user with a password. A signed-in guest who registers keeps id, channels and history. A stale token is ignored.',
    args: { input: t.arg({ type: RegisterInput, required: true, description: 'Who.' }) },
    resolve: (_root, { input }, { viewer, domain, ...origin }) =>
      domain.accounts.register(viewer, { ...input, device: input.device ?? null }, origin),
  }),
  login: t.field({
    type: Session,
    nullable: true,
    description: 'Signs in with an e-mail address and a password. A stale token is ignored.',
    args: { input: t.arg({ type: LoginInput, required: true, description: 'Who.' }) },
    resolve: (_root, { input }, { domain, ...origin }) =>
      domain.accounts.login({ ...input, device: input.device ?? null }, origin),
  }),
  guest: t.field({
    type: Session,
    nullable: true,
    description: "A user with no password, for trying things and for strangers' matches. A stale token is ignored.",
    args: { input: t.arg({ type: GuestInput, required: true, description: 'Who.' }) },
    resolve: (_root, { input: { name, email, device } }, { domain, ...origin }) =>
      domain.accounts.guest({ name, email: email ?? null, device: device ?? null }, origin),
  }),
  refresh: t.field({
    type: Session,
    nullable: true,
    description:
      'A new token and a new refresh token for an old one. A retry with the old one within ten seconds, as long as its successor is unused, gives another successor; any other use of an old one ends the session. Live sockets of the session live on.',
    args: { refreshToken: t.arg.string({ required: true, description: 'As given last.' }) },
    resolve: (_root, { refreshToken }, { domain }) => domain.accounts.refresh(refreshToken),
  }),
  logout: t.boolean({
    nullable: true,
    description: 'Ends the present session and its live connections.',
    resolve: async (_root, _args, context) => {
      await context.domain.accounts.logout(requireViewer(context));
      return true;
    },
  }),
  revokeSession: t.field({
    type: DeviceSession,
    nullable: true,
    description: "Ends one of the viewer's sessions and closes its live connections, on every node, with 4403.",
    args: { id: t.arg.id({ required: true, description: 'Of a session of `sessions`.' }) },
    resolve: (_root, { id }, context) =>
      context.domain.accounts.revokeSession(requireViewer(context), readId('DeviceSession', id)),
  }),
  updateProfile: t.field({
    type: User,
    nullable: true,
    description: "Changes the viewer's name, picture, or both.",
    args: { input: t.arg({ type: ProfileInput, required: true, description: 'What to change.' }) },
    resolve: (_root, { input }, context) =>
      context.domain.accounts.updateProfile(requireViewer(context), {
        name: input.name ?? null,
        avatarId: input.avatarId == null ? null : readId('Attachment', input.avatarId),
      }),
  }),
  changePassword: t.field({
    type: Session,
    nullable: true,
    description: 'Sets another password. Ends every other session of the user.',
    args: {
      current: t.arg.string({ required: true, description: 'The present password.' }),
      next: t.arg.string({ required: true, description: 'The new one: at least 8 characters.' }),
    },
    resolve: (_root, { current, next }, context) =>
      context.domain.accounts.changePassword(requireViewer(context), current, next),
  }),
}));

function nameKey({ name, id }: UserRow): string {
  return `${id}:${name}`;
}

function parseNameKey(cursor: string): NameKey | null {
  const [, id, name] = /^([\da-f-]{36}):(.*)$/su.exec(cursor) ?? [];
  return isUuid(id) && name !== undefined && name === storable(name) ? { id, name } : null;
}
