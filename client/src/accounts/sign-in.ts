import { type Client, createClient, fetchExchange } from '@urql/core';
import {
  EnterAsGuestDocument,
  RegisterDocument,
  type RegisterInput,
  SignInDocument,
  SignOutDocument,
} from '../gql/graphql.ts';
import { type Failure, failureOf } from '../urql/errors.ts';
import type { ViewerSession } from './viewer.ts';

export type Accounts = ReturnType<typeof createAccounts>;

/** The ways in and out. Each answers null when it worked, and the session has changed; otherwise why not. */
export function createAccounts({ url, session }: { url: string; session: ViewerSession }) {
  const client: Client = createClient({ url, preferGetMethod: false, exchanges: [fetchExchange] });

  return {
    async enterAsGuest(name: string): Promise<Failure | null> {
      const result = await client.mutation(EnterAsGuestDocument, { input: { name } }).toPromise();
      if (result.data?.guest) session.set(result.data.guest);
      return failureOf(result.error);
    },
    /** A guest who registers keeps everything: the token tells the server who that is. */
    async register(input: RegisterInput): Promise<Failure | null> {
      const result = await client.mutation(RegisterDocument, { input }, await withToken()).toPromise();
      if (result.data?.register) session.set(result.data.register);
      return failureOf(result.error);
    },
    async signIn(email: string, password: string): Promise<Failure | null> {
      const result = await client.mutation(SignInDocument, { input: { email, password } }).toPromise();
      if (result.data?.login) session.set(result.data.login);
      return failureOf(result.error);
    },
    /** Signs out here in any case; a server that cannot be told lets the session run out. */
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
