import { maxListed, type SignedIn } from '../api/domain/sessions.ts';
import type { NameKey } from '../api/domain/user-search.ts';
import { isSystemUser } from '../api/system-user.ts';
import { storable } from '../api/text/characters.ts';
import type { Session as SessionRow, User as UserRow } from '../prisma/generated/client.ts';
import { builder, costs, shareable, textOf } from './builder.ts';
import type { Context } from './context.ts';
import { optionalViewer, requireViewer } from './context.ts';
import { findId, isUuid, readId } from './ids.ts';
import { nodeId } from './node-ids.ts';
import { defaultPageSize, readPage, toConnection } from './pages.ts';

/** A user, backed by its database row. `isSelf` is set on the user of a new session, who is not the viewer yet. */
export const User = builder.objectRef<UserRow & { isSelf?: boolean }>('User');
/** A sign-in, backed by its database row. */
const DeviceSession = builder.objectRef<SessionRow>('DeviceSession');
const Session = builder.objectRef<SignedIn>('Session');

builder.node(User, {
  description: 'A person: a guest, or a user who signs in with a password.',
  id: nodeId(({ id }) => id),
  loadOne: (id, { viewer, loaders }) => (viewer === null ? null : loaders.user.load(id)),
  fields: (t) => ({
    name: t.exposeString('name', {
      extensions: shareable,
      description:
        'Display name, 1 to 50 characters as readers count them (grapheme clusters). Names are not unique. Empty for a user who was erased: word it yourself.',
    }),
    avatarUrl: t.string({
      extensions: shareable,
      description:
        "URL of the user's picture. Always served by this server: the uploaded picture, else Gravatar if the server is configured to fetch it, else a drawing derived from the id.",
      resolve: (user, _args, { domain }) => domain.avatars.url(user),
    }),
    data: t.field({
      type: 'JSON',
      nullable: true,
      extensions: shareable,
      description: 'Custom data of the user. Null if there is none.',
      // Cached users are without it.
      resolve: async ({ id }, _args, { loaders }) => (await loaders.presentUser(id)).data,
    }),
    isGuest: t.boolean({
      extensions: shareable,
      description: 'True until the user registers with a password.',
      resolve: ({ id, passwordHash }) => passwordHash === null && !isSystemUser(id),
    }),
    lastSeenAt: t.field({
      type: 'DateTime',
      nullable: true,
      extensions: shareable,
      description: "Time at which the user's last connection ended. Null if there never was one.",
      resolve: async ({ id }, _args, { loaders }) => (await loaders.presentUser(id)).lastSeenAt,
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      extensions: shareable,
      description: 'Time at which the user was created.',
    }),
    email: t.string({
      nullable: true,
      description: 'E-mail address. Null unless the user is the viewer.',
      resolve: (user, _args, { viewer }) => (isOwn(user, viewer) ? user.email : null),
    }),
    isModerator: t.boolean({
      nullable: true,
      description: 'Whether the user may moderate the whole service. Null unless the user is the viewer.',
      resolve: (user, _args, { viewer }) => (isOwn(user, viewer) ? user.isModerator : null),
    }),
  }),
});

Session.implement({
  description: 'Tokens of a new or refreshed sign-in.',
  fields: (t) => ({
    token: t.exposeString('token', {
      description: 'JWT for the header `Authorization: Bearer …` and for the `connection_init` payload of a WebSocket.',
    }),
    refreshToken: t.exposeString('refreshToken', {
      description:
        'Token to pass to `refresh` before `expiresAt`. It works once, and expires with the session when that is not refreshed for 30 days, or as long as the server is configured for.',
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'Time at which `token` expires.' }),
    user: t.field({
      type: User,
      description: 'The user who signed in.',
      resolve: async ({ userId }, _args, { domain }) => ({ ...(await domain.accounts.byId(userId)), isSelf: true }),
    }),
  }),
});

function isOwn({ id, isSelf = false }: typeof User.$inferType, viewer: Context['viewer']): boolean {
  return isSelf || id === viewer?.userId;
}

builder.node(DeviceSession, {
  description: 'A sign-in on one device.',
  id: nodeId(({ id }) => id),
  loadOne: (id, { viewer, domain }) => viewer && domain.accounts.session(viewer, id),
  fields: (t) => ({
    device: t.exposeString('device', {
      description: 'Name of the device, as given at sign-in or derived from its user agent.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'Time of the sign-in.' }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      description: 'Time at which the session last received a token.',
    }),
    current: t.boolean({
      description: 'True for the session that makes this request.',
      resolve: ({ id }, _args, { viewer }) => id === viewer?.sessionId,
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Time at which the session was revoked. Null while it is active.',
    }),
  }),
});

builder.queryFields((t) => ({
  me: t.field({
    type: User,
    nullable: true,
    description: 'The signed-in user. Null if the request has no token; UNAUTHENTICATED if its token is invalid.',
    resolve: (_root, _args, context) => {
      const viewer = optionalViewer(context);
      return viewer && context.loaders.user.load(viewer.userId);
    },
  }),
  user: t.field({
    type: User,
    nullable: true,
    description: 'The user with this id. Null if there is none.',
    args: { id: t.arg.id({ required: true, description: 'Id of a user.' }) },
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
      extensions: costs(10),
      description:
        'Users whose name starts with `search`: people to write to or to invite, without users who blocked the viewer or whom the viewer blocked. At most 50 per page; guests get the first 10 only. BAD_USER_INPUT for fewer than two letters or digits, RATE_LIMITED after too many searches.',
      args: {
        search: t.arg.string({
          required: true,
          extensions: textOf('searchTerm'),
          description:
            'Beginning of a name, at least two letters or digits; case, width and the form of accents make no difference.',
        }),
      },
      resolve: async (_root, { search, ...args }, context) => {
        const viewer = requireViewer(context);
        const request = readPage(args, parseNameKey);
        return toConnection(await context.domain.accounts.search(viewer, search, request), request, nameKey);
      },
    },
    { name: 'UserConnection', description: 'A page of users.' },
    { name: 'UserEdge', description: 'A user found by name.' },
  ),
  sessions: t.field({
    type: [DeviceSession],
    nullable: true,
    extensions: costs(5),
    description:
      "The viewer's active sessions, one per sign-in, newest first. Expired ones are left out. NOT_FOUND if `after` is not a session of the viewer.",
    args: {
      first: t.arg.int({
        description: `Maximum number of sessions, 0 to ${maxListed}; ${defaultPageSize} if left out.`,
      }),
      after: t.arg.id({ description: 'Id of the last session of the page before. The first page if left out.' }),
    },
    resolve: (_root, { first, after }, context) =>
      context.domain.accounts.sessions(requireViewer(context), {
        first: first ?? defaultPageSize,
        after: after == null ? null : readId('DeviceSession', after),
      }),
  }),
}));

const displayName = 'Display name, 1 to 50 characters as readers count them (grapheme clusters).';
const deviceName = 'Name of this device in `sessions`, cut to 100 characters. Derived from the user agent if left out.';
const newPassword =
  'The new password: at least `limits.passwordLength` code points and at most 256 bytes in NFKC, neither a common one nor the own name or e-mail address.';

const RegisterInput = builder.inputType('RegisterInput', {
  description: 'The account to create.',
  fields: (t) => ({
    email: t.string({
      required: true,
      extensions: textOf('email'),
      description: 'E-mail address to sign in with. Only the user sees it.',
    }),
    password: t.string({ required: true, extensions: textOf('password'), description: newPassword }),
    name: t.string({ required: true, extensions: textOf('userName'), description: displayName }),
    device: t.string({ extensions: textOf('device'), description: deviceName }),
    refreshToken: t.string({
      extensions: textOf('refreshToken'),
      description:
        'The newest refresh token of a guest who registers. Required unless the guest signed in within the last five minutes: a stolen `token` alone must not become an account.',
    }),
  }),
});

const LoginInput = builder.inputType('LoginInput', {
  description: 'Credentials of a registered user.',
  fields: (t) => ({
    email: t.string({
      required: true,
      extensions: textOf('email'),
      description: 'E-mail address given to `register`; case, and the form of its domain, make no difference.',
    }),
    password: t.string({
      required: true,
      extensions: textOf('password'),
      description: 'Password given to `register`.',
    }),
    device: t.string({ extensions: textOf('device'), description: deviceName }),
  }),
});

const GuestInput = builder.inputType('GuestInput', {
  description: 'The guest to create.',
  fields: (t) => ({
    name: t.string({ required: true, extensions: textOf('userName'), description: displayName }),
    email: t.string({
      extensions: textOf('email'),
      description: 'E-mail address, used only to find a picture if the server is configured to fetch it from Gravatar.',
    }),
    device: t.string({ extensions: textOf('device'), description: deviceName }),
  }),
});

const ProfileInput = builder.inputType('ProfileInput', {
  description: "Changes to the viewer's profile. Fields that are left out stay as they are.",
  fields: (t) => ({
    name: t.string({ extensions: textOf('userName'), description: displayName }),
    avatarId: t.id({
      description: "Id of a picture that was uploaded without a channel, to show as the user's picture.",
    }),
    data: t.field({ type: 'JSON', description: 'Replaces the custom data; null removes it.' }),
  }),
});

builder.mutationFields((t) => ({
  register: t.field({
    type: Session,
    nullable: true,
    description:
      'Creates a user with a password and signs in. A signed-in guest who registers keeps id, channels and history. An expired token is ignored. CONFLICT if the e-mail address is taken. FORBIDDEN if a guest has to pass `refreshToken`.',
    args: { input: t.arg({ type: RegisterInput, required: true, description: 'The account to create.' }) },
    resolve: (_root, { input }, { viewer, domain, ...origin }) =>
      domain.accounts.register(viewer, { ...input, device: input.device ?? null }, origin),
  }),
  login: t.field({
    type: Session,
    nullable: true,
    description:
      "Signs in with an e-mail address and a password. An expired token is ignored. UNAUTHENTICATED if they don't match.",
    args: { input: t.arg({ type: LoginInput, required: true, description: 'The credentials.' }) },
    resolve: (_root, { input }, { domain, ...origin }) =>
      domain.accounts.login({ ...input, device: input.device ?? null }, origin),
  }),
  guest: t.field({
    type: Session,
    nullable: true,
    description:
      'Creates a user without a password and signs in, for trying things and for matches with strangers. An expired token is ignored.',
    args: { input: t.arg({ type: GuestInput, required: true, description: 'The guest to create.' }) },
    resolve: (_root, { input: { name, email, device } }, { domain, ...origin }) =>
      domain.accounts.guest({ name, email: email ?? null, device: device ?? null }, origin),
  }),
  refresh: t.field({
    type: Session,
    nullable: true,
    description:
      'Exchanges a refresh token for a new token and a new refresh token. Within ten seconds the old refresh token returns further successors, until one of them is used; any other reuse revokes the session. Successors for the same network, as of two tabs, can all be used later; of successors for different networks only one can. Live sockets of the session stay open.',
    args: {
      refreshToken: t.arg.string({
        required: true,
        extensions: textOf('refreshToken'),
        description: 'The newest refresh token of the session.',
      }),
    },
    resolve: (_root, { refreshToken }, { domain, ...origin }) => domain.accounts.refresh(refreshToken, origin),
  }),
  logout: t.boolean({
    nullable: true,
    description: 'Revokes the current session and closes its live connections.',
    resolve: async (_root, _args, context) => {
      await context.domain.accounts.logout(requireViewer(context));
      return true;
    },
  }),
  revokeSession: t.field({
    type: DeviceSession,
    nullable: true,
    description: "Revokes one of the viewer's sessions and closes its live connections on every node with 4403.",
    args: { id: t.arg.id({ required: true, description: "Id of one of the viewer's `sessions`." }) },
    resolve: (_root, { id }, context) =>
      context.domain.accounts.revokeSession(requireViewer(context), readId('DeviceSession', id)),
  }),
  updateProfile: t.field({
    type: User,
    nullable: true,
    description: "Changes the viewer's name, picture or custom data.",
    args: { input: t.arg({ type: ProfileInput, required: true, description: 'The changes.' }) },
    resolve: (_root, { input }, context) =>
      context.domain.accounts.updateProfile(requireViewer(context), {
        name: input.name ?? null,
        data: input.data,
        avatarId: input.avatarId == null ? null : readId('Attachment', input.avatarId),
      }),
  }),
  deleteAccount: t.boolean({
    nullable: true,
    description:
      'Erases the viewer: the profile and all sessions at once; memberships, uploads and the texts of messages follow within moments. Messages keep their place and count as deleted, with an author whose name is empty. BAD_USER_INPUT on `password` if it is wrong.',
    args: {
      password: t.arg.string({
        extensions: textOf('password'),
        description: 'The password; null for a guest, who has none.',
      }),
    },
    resolve: async (_root, { password }, context) => {
      await context.domain.accounts.deleteAccount(requireViewer(context), password ?? null);
      return true;
    },
  }),
  requestPasswordReset: t.boolean({
    nullable: true,
    description:
      'Sends a link to choose a new password, if the e-mail address has an account with a password; responds the same either way. BAD_USER_INPUT if it is not an e-mail address, RATE_LIMITED after too many requests.',
    args: {
      email: t.arg.string({
        required: true,
        extensions: textOf('email'),
        description: 'E-mail address of the account.',
      }),
    },
    resolve: async (_root, { email }, { domain, ...origin }) => {
      await domain.accounts.requestPasswordReset(email, origin);
      return true;
    },
  }),
  resetPassword: t.field({
    type: Session,
    nullable: true,
    description:
      'Sets a new password by the token of a link, revokes every session of the user, and signs in. A token works once and for a limited time, by default an hour: BAD_USER_INPUT on `token` if it no longer works.',
    args: {
      token: t.arg.string({
        required: true,
        extensions: textOf('resetToken'),
        description: 'Token at the end of the link.',
      }),
      password: t.arg.string({ required: true, extensions: textOf('password'), description: newPassword }),
    },
    resolve: (_root, { token, password }, { domain, ...origin }) =>
      domain.accounts.resetPassword(token, password, origin),
  }),
  changePassword: t.field({
    type: Session,
    nullable: true,
    description:
      'Sets a new password and revokes every other session of the user. BAD_USER_INPUT if `current` is wrong.',
    args: {
      current: t.arg.string({
        required: true,
        extensions: textOf('password'),
        description: 'The current password.',
      }),
      next: t.arg.string({ required: true, extensions: textOf('password'), description: newPassword }),
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
