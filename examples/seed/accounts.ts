import { type Client, OperationError } from './client.ts';
import * as operations from './operations.ts';
import { type Person, type PersonKey, people } from './people.ts';
import { drawPicture } from './pictures.ts';

/** Password of every account of the seed. */
export const password = 'parley-seed';

/** A signed-in account. */
export interface Account {
  id: string;
  token: string;
}

export type Accounts = Record<PersonKey, Account>;

/**
 * Registers the people of the seed, with a profile picture, or signs in with accounts that exist already.
 * @throws OperationError when an address belongs to an account with another password
 */
export async function signInEveryone(client: Client): Promise<Accounts> {
  const accounts: Partial<Accounts> = {};
  for (const person of people) accounts[person.key] = await signIn(client, person);
  return accounts as Accounts;
}

async function signIn(client: Client, person: Person): Promise<Account> {
  const credentials = { email: `${person.key}@example.org`, password };
  try {
    const { register } = await client.request(operations.register, { input: { ...credentials, name: person.name } });
    await setAvatar(client, person, register.token);
    return { id: register.user.id, token: register.token };
  } catch (error) {
    if (!(error instanceof OperationError) || error.code !== 'CONFLICT') throw error;
    const { login } = await client.request(operations.login, { input: credentials });
    return { id: login.user.id, token: login.token };
  }
}

async function setAvatar(client: Client, { colours }: Person, token: string): Promise<void> {
  if (!colours) return;
  const picture = await drawPicture({ filename: 'avatar.jpg', width: 512, height: 512, ...colours });
  const { upload } = await client.upload(operations.upload, { channelId: null }, token, picture);
  await client.request(operations.setAvatar, { avatarId: upload.id }, token);
}
