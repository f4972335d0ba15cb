import { createValue, type Readable } from './value.ts';

/** What signing in gives: the answer of `guest`, `register`, `login` and `refresh`. */
export interface Session<User> {
  token: string;
  refreshToken: string;
  /** ISO 8601. */
  expiresAt: string;
  user: User;
}

/** The session of this browser, shared by its tabs. */
export interface SessionStore<User> extends Readable<Session<User> | null> {
  /**
   * A token that should be accepted: the present one, renewed first when it is about to expire. Null when signed
   * out. When renewing fails for want of a connection, the present one.
   */
  token(): Promise<string | null>;
  /**
   * A token other than `refused`, which the server no longer takes. Null when the session has ended, which signs
   * this browser out. Rejects when the server cannot be asked.
   */
  renew(refused: string): Promise<string | null>;
  /** Signs in, or replaces the session. */
  set(session: Session<User>): void;
  /** Signs out on this side; telling the server is `logout`'s. */
  clear(): void;
  /** Stops timers and listeners. */
  dispose(): void;
}

export interface SessionOptions<User> {
  /** Where the session outlives a reload; `localStorage`. */
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  /** The key in `storage`, and the name of the lock that tabs share. */
  key: string;
  /** Exchanges a refresh token. Null when the server refuses it for good; rejects when it cannot be asked. */
  refresh(refreshToken: string): Promise<Session<User> | null>;
}

/** A token is renewed this long before it expires, so that an open socket never sees its end. */
const EARLY_MS = 60_000;
/** A new token counts as fresh for this long whatever its `expiresAt`, so that a clock that is wrong cannot cause a storm. */
const FRESH_MS = 30_000;
/** The longest delay that `setTimeout` takes. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

interface Stored<User> extends Session<User> {
  receivedAt: number;
}

/**
 * Keeps a session in `storage`, renews its token before it expires, and follows the other tabs. Refresh tokens rotate
 * and each is good for one use, so renewals are made one at a time: in this tab by a shared promise, across tabs by a
 * Web Lock, under which the storage is read again, because another tab may have renewed already.
 */
export function createSessionStore<User>({ storage, key, refresh }: SessionOptions<User>): SessionStore<User> {
  const present = createValue<Stored<User> | null>(read());
  let renewing: Promise<string | null> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const followOtherTabs = (event: StorageEvent) => {
    if (event.key === key || event.key === null) apply(read());
  };
  globalThis.addEventListener?.('storage', followOtherTabs);
  schedule();

  return {
    get: present.get,
    subscribe: present.subscribe,
    token,
    renew,
    set: save,
    clear,
    dispose() {
      clearTimeout(timer);
      globalThis.removeEventListener?.('storage', followOtherTabs);
    },
  };

  async function token(): Promise<string | null> {
    const session = present.get();
    if (session === null || Date.now() < renewalTime(session)) return session?.token ?? null;
    return renew(session.token).catch(() => session.token);
  }

  function renew(refused: string): Promise<string | null> {
    renewing ??= exclusively(key, () => exchange(refused)).finally(() => {
      renewing = undefined;
    });
    return renewing;
  }

  async function exchange(refused: string): Promise<string | null> {
    const stored = read();
    if (stored !== null && stored.token === refused) {
      const next = await refresh(stored.refreshToken);
      if (next === null) clear();
      else save(next);
    } else {
      apply(stored);
    }
    return present.get()?.token ?? null;
  }

  function save(session: Session<User>): void {
    const stored = { ...session, receivedAt: Date.now() };
    storage.setItem(key, JSON.stringify(stored));
    apply(stored);
  }

  function clear(): void {
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
    const delay = Math.max(FRESH_MS, renewalTime(session) - Date.now());
    timer = setTimeout(() => void token().finally(schedule), Math.min(delay, LONGEST_TIMEOUT_MS));
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
  return Math.max(Date.parse(expiresAt) - EARLY_MS, receivedAt + FRESH_MS);
}

/** Web Locks exist on secure origins only; elsewhere tabs rely on the grace that the server gives to a retry. */
function exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
  return typeof navigator !== 'undefined' && navigator.locks ? navigator.locks.request(name, work) : work();
}
