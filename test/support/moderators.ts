import { randomUUID } from 'node:crypto';
import { askServer } from '../../api/compose/operator-socket.ts';
import { type Person, registered } from './client.ts';

/** Registers a user whom the operator's command appoints as a moderator of the service. */
export async function appointed(app: { url: string; directory: string }, name = 'Mod'): Promise<Person> {
  const email = `${randomUUID()}@example.org`;
  const person = await registered(app.url, name, email);
  await askServer(app.directory, ['add', email]);
  return person;
}
