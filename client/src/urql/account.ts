import type { TypedDocumentNode } from '@urql/core';
import type { Failure } from './errors.ts';
import {
  type AuthFieldsFragment,
  GuestDocument,
  type GuestInput,
  LoginDocument,
  type LoginInput,
  LogoutDocument,
  RegisterDocument,
  type RegisterInput,
} from './gql/graphql.ts';
import type { Platform } from './platform/platform.ts';
import { createRefresh } from './refresh.ts';
import { postOperation } from './request.ts';
import { createSessionStore, type SessionStore } from './session.ts';

/** The signed-in user, as the session keeps it. */
export type Account = AuthFieldsFragment['user'];

/** The session, and the ways to begin and end one. Each resolves with null, or with why it failed. */
export interface ParleySession extends SessionStore<Account> {
  /** Signs in a new guest. */
  enterAsGuest(input: GuestInput): Promise<Failure | null>;
  logIn(input: LoginInput): Promise<Failure | null>;
  /** Registers. A guest who is signed in keeps id, channels and history. */
  register(input: RegisterInput): Promise<Failure | null>;
  /** Signs out here and, if it can be reached, on the server. */
  logOut(): Promise<void>;
}

/** Options of `createSession`. */
export interface AccountOptions {
  /** Absolute URL of the API, `http:` or `https:`. */
  url: string;
  platform: Platform;
  /** Key of the session in the platform's `sessionStorage`; `parley.session` by default. */
  key?: string;
}

const accountFields = 'id name avatarUrl isGuest email';

/** Creates the session of this browser, which all tabs share: it is renewed before it expires, and ends with a reason. */
export function createSession({ url, platform, key = 'parley.session' }: AccountOptions): ParleySession {
  const store = createSessionStore<Account>({
    storage: platform.sessionStorage,
    key,
    locks: platform.locks,
    refresh: createRefresh(url, accountFields),
  });

  return {
    ...store,
    enterAsGuest: (input) => begin(GuestDocument, { input }, ({ guest }) => guest),
    logIn: (input) => begin(LoginDocument, { input }, ({ login }) => login),
    register: (input) => begin(RegisterDocument, { input }, ({ register }) => register),
    async logOut() {
      await postOperation(url, LogoutDocument, {}, await store.token());
      store.clear();
    },
  };

  async function begin<Data, Variables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    sessionOf: (data: Data) => AuthFieldsFragment | null,
  ): Promise<Failure | null> {
    const { data, failure } = await postOperation(url, document, variables, await store.token());
    const session = data && sessionOf(data);
    if (session) store.set(session);
    return session ? null : (failure ?? { code: 'OTHER', message: 'The server sent no session.' });
  }
}
