/** Everything that the library takes from its environment. `createBrowserPlatform` and `createMemoryPlatform` make one. */
export interface Platform {
  /** Keeps the session. */
  sessionStorage: SessionStorage;
  /** Opens the data of one user, which all tabs of the user share. */
  openStore(name: string): DataStore;
  /** Opens a signal to the other tabs. */
  openSignal(name: string): TabSignal;
  locks: Locks;
  postForm: PostForm;
  /** The `WebSocket` constructor, for environments without a global one. */
  webSocketImpl?: unknown;
}

/** Where the session is kept: the `localStorage` of a browser, or anything like it. */
export interface SessionStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** A store of values by key. It keeps everything that the structured clone algorithm can copy, files included. */
export interface DataStore {
  /** Resolves with undefined if there is no value. */
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  /** Resolves with the values whose keys start with `prefix`, in the order of the keys. */
  list(prefix: string): Promise<readonly unknown[]>;
  clear(): Promise<void>;
}

/** Exclusive locks across tabs, such as the Web Locks of a browser. */
export interface Locks {
  /** Runs `work` while it holds the lock: one at a time under a name, in the order of the requests. */
  request<T>(name: string, work: () => Promise<T>): Promise<T>;
}

/** Tells other tabs that shared data changed. */
export interface TabSignal {
  /** Calls the listeners of all other tabs. */
  notify(): void;
  /** Calls `listener` at each signal of another tab, until the returned function is called. */
  subscribe(listener: () => void): () => void;
  close(): void;
}

/** Options of `PostForm`. */
export interface PostOptions {
  headers: Readonly<Record<string, string>>;
  form: FormData;
  /** Called with the part that was sent so far, from 0 to 1. */
  onProgress?: ((part: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** Posts a form and resolves with the text of the response. Rejects if there is no response, or if `signal` aborts. */
export type PostForm = (url: string, options: PostOptions) => Promise<string>;
