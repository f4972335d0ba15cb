import { type Client, createClient, fetchExchange } from '@urql/core';
import {
  EnterAsGuestDocument,
  RegisterDocument,
  type RegisterInput,
  RequestPasswordResetDocument,
  ResetPasswordDocument,
  SignInDocument,
  SignOutDocument,
} from '../gql/graphql.ts';
import { type Failure, toFailure } from '../urql/errors.ts';
import type { ViewerSession } from './session.ts';

/** Longest name of a user, in characters; the server has the same limit. */
export const maxNameLength = 50;

/** Functions to sign in and out. */
export type Accounts = ReturnType<typeof createAccounts>;

/** Creates the functions to sign in and out. Each updates the session and resolves with null, or with the failure. */
export function createAccounts({ url, session }: { url: string; session: ViewerSession }) {
  const client: Client = createClient({ url, preferGetMethod: false, exchanges: [fetchExchange] });

  return {
    async enterAsGuest(name: string): Promise<Failure | null> {
      const result = await client.mutation(EnterAsGuestDocument, { input: { name } }).toPromise();
      if (result.data?.guest) session.set(result.data.guest);
      return toFailure(result.error);
    },
    /** Sends the tokens of a guest along, so that the guest becomes the registered user and keeps everything. */
    async register(input: RegisterInput): Promise<Failure | null> {
      const context = await withToken();
      const refreshToken = session.get()?.refreshToken ?? null;
      const result = await client
        .mutation(RegisterDocument, { input: { ...input, refreshToken } }, context)
        .toPromise();
      if (result.data?.register) session.set(result.data.register);
      return toFailure(result.error);
    },
    async signIn(email: string, password: string): Promise<Failure | null> {
      const result = await client.mutation(SignInDocument, { input: { email, password } }).toPromise();
      if (result.data?.login) session.set(result.data.login);
      return toFailure(result.error);
    },
    /** Has a link to choose a new password sent, if the address has an account. */
    async requestPasswordReset(email: string): Promise<Failure | null> {
      const result = await client.mutation(RequestPasswordResetDocument, { email }).toPromise();
      return toFailure(result.error);
    },
    /** Sets a new password by the token of such a link, and signs in. */
    async resetPassword(token: string, password: string): Promise<Failure | null> {
      const result = await client.mutation(ResetPasswordDocument, { token, password }).toPromise();
      if (result.data?.resetPassword) session.set(result.data.resetPassword);
      return toFailure(result.error);
    },
    /** Signs out locally even if the server cannot be reached; the session then expires on the server. */
    async signOut(): Promise<void> {
      await client.mutation(SignOutDocument, {}, await withToken()).toPromise();
      session.clear();
    },
  };

  async function withToken() {
    const token = await session.token();
    return token === null ? {} : { fetchOptions: { headers: { authorization: `Bearer ${token}` } } };
  }
}
