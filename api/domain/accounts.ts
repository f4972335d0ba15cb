import { randomUUID } from 'node:crypto';
import type { User } from '../../prisma/generated/client.ts';
import {
  BadUserInputError,
  ConflictError,
  type FieldProblem,
  NotFoundError,
  RateLimitedError,
  UnauthenticatedError,
} from '../errors.ts';
import type { UserFacts } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { int4, nullable, text, uuid } from '../infra/database/types.ts';
import type { Limits } from '../infra/state/state.ts';
import type { Logger } from '../logger.ts';
import {
  deviceName,
  emailProblems,
  nameProblems,
  normaliseEmail,
  normaliseName,
  passwordProblems,
} from './account-input.ts';
import type { Auth, Viewer } from './auth.ts';
import { declarePages, type Page, type PageRequest, toPage } from './pages.ts';
import { createPasswords } from './passwords.ts';
import { createSessions, type SignedIn } from './sessions.ts';
import { storable } from './text.ts';
import type { UserCache } from './user-cache.ts';

/** Where a request comes from. */
export interface Origin {
  /** The client's IP address. */
  address: string;
  userAgent: string;
}

/** The place of a user among those found: by name in any case, then id. */
export interface NameKey {
  name: string;
  id: string;
}

const minuteMs = 60_000;
const rates = {
  login: { points: 10, windowMs: minuteMs },
  logins: { points: 100, windowMs: minuteMs },
  newcomers: { points: 120, windowMs: minuteMs },
};
const wrongLogin = 'The e-mail address or the password is wrong.';

/** Users and how they sign in. Addresses are unique among those who have a password. */
export function createAccounts(options: {
  database: Database;
  auth: Auth;
  userCache: Pick<UserCache, 'of' | 'tell'>;
  limits: Limits;
  /** An upload of the viewer's that may be shown as the viewer; null when there is none with that id. */
  ownPicture(viewer: Viewer, uploadId: string): Promise<object | null>;
  /** Whether rates are limited at all. */
  rateLimits: boolean;
  logger: Logger;
}) {
  const { database, auth, userCache, limits, ownPicture, rateLimits, logger } = options;
  const { prisma, query } = database;
  const passwords = createPasswords();
  const sessions = createSessions({ database, auth });

  /** State being away lets everybody in: what it counts is a courtesy to those who are slowed down by others. */
  async function limit(rate: keyof typeof rates, key: string): Promise<void> {
    if (!rateLimits) return;
    const retryAfterMs = await limits.take(`${rate}:${key}`, rates[rate]).catch((error: unknown) => {
      logger.warn({ error }, 'rates are not limited: state is away');
      return 0;
    });
    if (retryAfterMs > 0) throw new RateLimitedError('Too many tries: wait a little.', retryAfterMs);
  }

  const byIds = (ids: readonly string[]): Promise<User[]> => prisma.user.findMany({ where: { id: { in: [...ids] } } });

  async function byId(id: string): Promise<User> {
    const user = await prisma.user.findUnique({ where: { id } });
    if (user === null) throw new NotFoundError('There is no such user.');
    return user;
  }

  const findByEmail = (email: string): Promise<User | null> =>
    prisma.user.findFirst({ where: { email, passwordHash: { not: null } } });

  /** Turns a guest into a user, or makes a new one. */
  async function addUser(
    viewer: Viewer | null,
    fields: { email: string; name: string; passwordHash: string },
  ): Promise<User> {
    try {
      const where = { id: viewer?.userId ?? '', passwordHash: null };
      const [guest] = viewer ? await prisma.user.updateManyAndReturn({ where, data: fields }) : [];
      if (guest) {
        await userCache.tell(guest.id);
        return guest;
      }
      return await prisma.user.create({ data: { id: randomUUID(), createdAt: new Date(), ...fields } });
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'P2002') throw emailTaken();
      throw error;
    }
  }

  return {
    /**
     * A user with a password. A guest who registers keeps id, channels and history, and the present session.
     * @throws ConflictError when the address is taken
     */
    async register(
      viewer: Viewer | null,
      input: { email: string; password: string; name: string; device: string | null },
      { address, userAgent }: Origin,
    ): Promise<SignedIn> {
      const email = normaliseEmail(input.email);
      const name = normaliseName(input.name);
      refuse([
        ...emailProblems(email, 'input.email'),
        ...passwordProblems(input.password, 'input.password'),
        ...nameProblems(name, 'input.name'),
      ]);
      await limit('newcomers', address);
      if (await findByEmail(email)) throw emailTaken();
      const user = await addUser(viewer, { email, name, passwordHash: await passwords.hash(input.password) });
      if (viewer?.userId === user.id) return sessions.renew(viewer);
      return sessions.begin(user, deviceName(input.device, userAgent));
    },

    /** @throws UnauthenticatedError for a wrong address or password, without saying which */
    async login(
      input: { email: string; password: string; device: string | null },
      { address, userAgent }: Origin,
    ): Promise<SignedIn> {
      const email = normaliseEmail(input.email);
      await limit('logins', address);
      await limit('login', `${address}:${email.slice(0, 254)}`);
      const user = emailProblems(email, 'input.email').length > 0 ? null : await findByEmail(email);
      const matches = await passwords.matches(user?.passwordHash ?? null, input.password);
      if (!matches || user === null) throw new UnauthenticatedError(wrongLogin);
      return sessions.begin(user, deviceName(input.device, userAgent));
    },

    /** A user with no password. The address, if any, is for the picture alone. */
    async guest(
      input: { name: string; email: string | null; device: string | null },
      { address, userAgent }: Origin,
    ): Promise<SignedIn> {
      const name = normaliseName(input.name);
      const email = input.email === null ? null : normaliseEmail(input.email);
      refuse([...nameProblems(name, 'input.name'), ...(email === null ? [] : emailProblems(email, 'input.email'))]);
      await limit('newcomers', address);
      const user = await prisma.user.create({ data: { id: randomUUID(), createdAt: new Date(), name, email } });
      return sessions.begin(user, deviceName(input.device, userAgent));
    },

    refresh: sessions.refresh,
    sessions: sessions.list,
    session: sessions.find,
    revokeSession: sessions.end,

    /** Ends the viewer's present session. */
    async logout(viewer: Viewer): Promise<void> {
      await sessions.end(viewer, viewer.sessionId);
    },

    /** Changes the viewer's name, and the upload that is the viewer's picture; null leaves it. */
    async updateProfile(viewer: Viewer, changes: { name: string | null; avatarId: string | null }): Promise<User> {
      const { avatarId } = changes;
      const name = changes.name === null ? null : normaliseName(changes.name);
      refuse(name === null ? [] : nameProblems(name, 'input.name'));
      if (avatarId !== null && (await ownPicture(viewer, avatarId)) === null)
        refuse([{ path: 'input.avatarId', message: 'names no picture that you uploaded without a channel' }]);
      if (name === null && avatarId === null) return byId(viewer.userId);
      const data = { ...(name === null ? {} : { name }), ...(avatarId === null ? {} : { avatarId }) };
      const user = await prisma.user.update({ where: { id: viewer.userId }, data });
      auth.forget(viewer.sessionId);
      await userCache.tell(user.id);
      return user;
    },

    /** Sets another password and ends every other session. */
    async changePassword(viewer: Viewer, current: string, next: string): Promise<SignedIn> {
      refuse(passwordProblems(next, 'next'));
      await limit('login', viewer.userId);
      const { passwordHash } = await byId(viewer.userId);
      if (!(await passwords.matches(passwordHash, current))) {
        throw wrongPassword();
      }
      const nextHash = await passwords.hash(next);
      return sessions.renewAlone(viewer, async (query) => {
        const changed = await query(updatePassword, { userId: viewer.userId, passwordHash, nextHash });
        if (changed.length === 0) throw wrongPassword();
      });
    },

    byId,
    /** The users of these ids, in no order. */
    byIds,

    /** The same, for what is delivered live, where each entry names its author. */
    authors: userCache.of,

    /** What events say of a user; null when there is none. */
    async facts(userId: string): Promise<UserFacts | null> {
      const user = await prisma.user.findUnique({ where: { id: userId } });
      return user && { id: user.id, name: user.name, createdAt: user.createdAt.toISOString() };
    },

    /** Users whose name begins so, in any case, by name. */
    async search(prefix: string, request: PageRequest<NameKey>): Promise<Page<User>> {
      const { limit: size, after, before } = request;
      const rows = await query(selectByName(request), {
        prefix: likePrefix(prefix),
        afterName: after?.name ?? null,
        afterId: after?.id ?? null,
        beforeName: before?.name ?? null,
        beforeId: before?.id ?? null,
        limit: size + 1,
      });
      return toPage(rows, request);
    },
  };
}

export type Accounts = ReturnType<typeof createAccounts>;

function refuse(problems: readonly FieldProblem[]): void {
  if (problems.length > 0) throw new BadUserInputError(problems);
}

function emailTaken(): ConflictError {
  return new ConflictError('The e-mail address is taken: sign in with it, or give another.');
}

function wrongPassword(): BadUserInputError {
  return new BadUserInputError([{ path: 'current', message: 'is not your present password' }]);
}

function likePrefix(prefix: string): string {
  const clean = normaliseName(storable(prefix));
  return `${clean.replace(/[\\%_]/g, '\\$&')}%`;
}

const updatePassword = statement({
  sql: `
    UPDATE users SET password_hash = $nextHash WHERE id = $userId AND password_hash = $passwordHash RETURNING id`,
  parameters: { userId: uuid, passwordHash: nullable(text), nextHash: text },
  row: { id: uuid },
});

const user = columns(tables.user, 'u');
/** Expression of the index by name, which serves the prefix, the order and the page. */
const folded = 'lower(u.name) COLLATE "C"';

const selectByName = declarePages((backward) => {
  const direction = backward ? 'DESC' : 'ASC';
  return statement({
    sql: `
      SELECT ${user.list} FROM users u
      WHERE ${folded} LIKE lower($prefix) AND ($afterName IS NULL OR (${folded}, u.id) > (lower($afterName), $afterId))
        AND ($beforeName IS NULL OR (${folded}, u.id) < (lower($beforeName), $beforeId))
      ORDER BY ${folded} ${direction}, u.id ${direction} LIMIT $limit`,
    parameters: {
      prefix: text,
      afterName: nullable(text),
      afterId: nullable(uuid),
      beforeName: nullable(text),
      beforeId: nullable(uuid),
      limit: int4,
    },
    row: user.row,
  });
});
