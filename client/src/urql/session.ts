import type { Locks, SessionStorage } from './platform/platform.ts';
import { createValue, type Readable } from './value.ts';

/** The result of `guest`, `register`, `login` and `refresh`. */
export interface Session<User> {
  token: string;
  refreshToken: string;
  /** ISO 8601. */
  expiresAt: string;
  user: User;
}

/** Why the server no longer renews a session. */
export interface SessionEnd {
  /** UNAUTHENTICATED: it expired or was revoked. FORBIDDEN: the user is suspended. Other codes are possible. */
  code: string;
  /** The server's message, for developers. */
  message: string;
}

/** The part of a session store that the exchanges and the socket need. */
export interface TokenSource {
  /**
   * Resolves with a token that the server should accept, renewed first if it is about to expire. Null if signed out.
   * If the renewal fails because there is no connection, it resolves with the present token.
   */
  token(): Promise<string | null>;
  /**
   * Resolves with a token other than `refused`, which the server no longer accepts. Null if the session has ended; the
   * store is then signed out. Rejects if the server cannot be reached.
   */
  renew(refused: string): Promise<string | null>;
}

/** The session of this browser, shared by its tabs. */
export interface SessionStore<User> extends Readable<Session<User> | null>, TokenSource {
  /** Why the last session ended by itself; null while signed in, and after `clear`. Known in the tab that noticed the end. */
  ended: Readable<SessionEnd | null>;
  /** Signs in, or replaces the session. */
  set(session: Session<User>): void;
  /** Signs out locally. The `logout` mutation ends the session on the server. */
  clear(): void;
  /** Stops timers and listeners. */
  dispose(): void;
}

/** Options of `createSessionStore`. */
export interface SessionOptions<User> {
  /** Keeps the session across reloads, usually `localStorage`. */
  storage: SessionStorage;
  /** Key in `storage`, and name of the lock that the tabs share. */
  key: string;
  /** Locks across the tabs that share `storage`. */
  locks: Locks;
  /** Exchanges a refresh token. Resolves with the end if the server refuses it permanently; rejects if it cannot be reached. */
  refresh(refreshToken: string): Promise<Session<User> | SessionEnd>;
}

/** How long before it expires a token is renewed, so that an open socket never outlives it. */
const renewBeforeMs = 60_000;
/** Shortest time between renewals, so that a client with a wrong clock does not renew in a loop. */
const minRenewalIntervalMs = 30_000;
/** The longest delay that `setTimeout` supports. */
const maxTimeoutMs = 2 ** 31 - 1;

interface Stored<User> extends Session<User> {
  receivedAt: number;
}

/**
 * Creates a store that keeps the session in `storage`, renews its token before it expires, and follows changes made by
 * other tabs. Refresh tokens rotate and can be used once, so only one renewal runs at a time: a shared promise ensures
 * that within this tab, a lock across tabs. The lock's holder reads the storage again, because another tab may have
 * renewed the session already.
 */
export function createSessionStore<User>({ storage, key, locks, refresh }: SessionOptions<User>): SessionStore<User> {
  const present = createValue<Stored<User> | null>(read());
  const ended = createValue<SessionEnd | null>(null);
  let renewing: Promise<string | null> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const onStorage = (event: StorageEvent) => {
    if (event.key === key || event.key === null) apply(read());
  };
  globalThis.addEventListener?.('storage', onStorage);
  schedule();

  return {
    get: present.get,
    subscribe: present.subscribe,
    ended: { get: ended.get, subscribe: ended.subscribe },
    token,
    renew,
    set: save,
    clear,
    dispose() {
      clearTimeout(timer);
      globalThis.removeEventListener?.('storage', onStorage);
    },
  };

  async function token(): Promise<string | null> {
    const session = present.get();
    if (session === null || Date.now() < renewalTime(session)) return session?.token ?? null;
    return renew(session.token).catch(() => session.token);
  }

  function renew(refused: string): Promise<string | null> {
    renewing ??= locks
      .request(key, () => exchange(refused))
      .finally(() => {
        renewing = undefined;
      });
    return renewing;
  }

  async function exchange(refused: string): Promise<string | null> {
    const stored = read();
    if (stored !== null && stored.token === refused) {
      const next = await refresh(stored.refreshToken);
      if ('token' in next) save(next);
      else end(next);
    } else {
      apply(stored);
    }
    return present.get()?.token ?? null;
  }

  function save(session: Session<User>): void {
    const stored = { ...session, receivedAt: Date.now() };
    ended.set(null);
    storage.setItem(key, JSON.stringify(stored));
    apply(stored);
  }

  function end(reason: SessionEnd): void {
    ended.set(reason);
    storage.removeItem(key);
    apply(null);
  }

  function clear(): void {
    ended.set(null);
    storage.removeItem(key);
    apply(null);
  }

  function apply(session: Stored<User> | null): void {
    present.set(session);
    schedule();
  }

  function schedule(): void {
    clearTimeout(timer);
    const session = present.get();
    if (session === null) return;
    const delay = Math.max(minRenewalIntervalMs, renewalTime(session) - Date.now());
    timer = setTimeout(() => void token().finally(schedule), Math.min(delay, maxTimeoutMs));
  }

  function read(): Stored<User> | null {
    try {
      return JSON.parse(storage.getItem(key) ?? 'null') as Stored<User> | null;
    } catch {
      return null;
    }
  }
}

function renewalTime({ expiresAt, receivedAt }: Stored<unknown>): number {
  return Math.max(Date.parse(expiresAt) - renewBeforeMs, receivedAt + minRenewalIntervalMs);
}
