import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createUserCache } from '../../api/domain/user-cache.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub, type Fate } from '../support/lossy-pubsub.ts';

let database: TestDatabase;
let ada: string;

beforeAll(async () => {
  database = await openDatabase();
  return () => database.stop();
});
beforeEach(async () => {
  await database.empty();
  ada = randomUUID();
  await database.query('INSERT INTO users (id, name, created_at) VALUES ($1, $2, now())', [ada, 'Ada']);
});

/** Two nodes on a network that can lose signals. */
async function createNodes() {
  const network: { fate: Fate } = { fate: 'deliver' };
  const pubsub = createLossyPubSub(() => network.fate);
  const reads = vi.spyOn(database.prisma.user, 'findMany');
  reads.mockClear();
  const [here = fail(), there = fail()] = await Promise.all(
    [1, 2].map(async () => {
      const userCache = createUserCache({ database, pubsub, logger: createTestLogger() });
      await userCache.start();
      return userCache;
    }),
  );
  return { network, pubsub, reads, here, there };
}

const fail = (): never => {
  throw new Error('two nodes were to be made');
};
const rename = (name: string) => database.query('UPDATE users SET name = $2 WHERE id = $1', [ada, name]);
const namesOf = async ({ of }: { of(ids: readonly string[]): Promise<{ name: string }[]> }) =>
  (await of([ada])).map(({ name }) => name);

describe('user cache', () => {
  it('are read once, together, however often they write', async () => {
    const { here, reads } = await createNodes();
    await Promise.all([here.of([ada]), here.of([ada, randomUUID()])]);
    for (let n = 0; n < 5; n++) expect(await namesOf(here)).toEqual(['Ada']);
    expect(reads).toHaveBeenCalledOnce();
  });

  it('are read again on every node once one has told that they changed', async () => {
    const { here, there } = await createNodes();
    for (const one of [here, there]) expect(await namesOf(one)).toEqual(['Ada']);
    await rename('Ada II');
    await here.tell(ada);
    for (const one of [here, there]) expect(await namesOf(one)).toEqual(['Ada II']);
  });

  it('are not kept as they were when they changed while they were read', async () => {
    const { here, reads } = await createNodes();
    const read = reads.getMockImplementation() ?? database.prisma.user.findMany;
    reads.mockImplementationOnce((async () => {
      const users = [{ id: ada, name: 'Ada' }];
      await rename('Ada II');
      await here.tell(ada);
      return users;
    }) as unknown as typeof read);
    await namesOf(here);
    expect(await namesOf(here)).toEqual(['Ada II']);
  });

  it('are read again after a loss of the network, in which a signal may have got lost', async () => {
    const { network, pubsub, here, there } = await createNodes();
    for (const one of [here, there]) await namesOf(one);
    await rename('Ada II');
    network.fate = 'lose';
    await here.tell(ada);
    expect(await namesOf(there)).toEqual(['Ada']);
    network.fate = 'deliver';
    pubsub.reconnect();
    expect(await namesOf(there)).toEqual(['Ada II']);
  });
});
