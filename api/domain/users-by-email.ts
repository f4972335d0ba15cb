import type { User } from '../../prisma/generated/client.ts';
import type { Database } from '../infra/database/database.ts';

/** Returns the user with a password of the first of these forms of an address that has one; null if none has. */
export async function findByEmail(
  { prisma }: Pick<Database, 'prisma'>,
  forms: readonly string[],
): Promise<User | null> {
  const users = await prisma.user.findMany({ where: { email: { in: [...forms] }, passwordHash: { not: null } } });
  return forms.flatMap((form) => users.find(({ email }) => email === form) ?? [])[0] ?? null;
}
