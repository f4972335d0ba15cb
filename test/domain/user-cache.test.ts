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

/** Creates two nodes on a network that can lose signals. */
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
  throw new Error('two nodes are needed');
};
const rename = (name: string) => database.query('UPDATE users SET name = $2 WHERE id = $1', [ada, name]);
const namesOf = async ({ getMany }: { getMany(ids: readonly string[]): Promise<{ name: string }[]> }) =>
  (await getMany([ada])).map(({ name }) => name);

describe('users in the cache', () => {
  it('are read once, by one query for all of them', async () => {
    const { here, reads } = await createNodes();
    await Promise.all([here.getMany([ada]), here.getMany([ada, randomUUID()])]);
    for (let n = 0; n < 5; n++) expect(await namesOf(here)).toEqual(['Ada']);
    expect(reads).toHaveBeenCalledOnce();
  });

  it('are read again on every node once one node has published a change', async () => {
    const { here, there } = await createNodes();
    for (const one of [here, there]) expect(await namesOf(one)).toEqual(['Ada']);
    await rename('Ada II');
    await here.publishChange(ada);
    for (const one of [here, there]) expect(await namesOf(one)).toEqual(['Ada II']);
  });

  it('are named to the listeners of every node when they change', async () => {
    const nodes = await createNodes();
    const listeners = [nodes.here, nodes.there].map(({ onChange }) => {
      const listener = vi.fn();
      onChange(listener);
      return listener;
    });
    await nodes.here.publishChange(ada);
    for (const listener of listeners) expect(listener).toHaveBeenCalledWith(ada);
  });

  it('are not cached if they changed while they were read', async () => {
    const { here, reads } = await createNodes();
    const read = reads.getMockImplementation() ?? database.prisma.user.findMany;
    reads.mockImplementationOnce((async () => {
      const users = [{ id: ada, name: 'Ada' }];
      await rename('Ada II');
      await here.publishChange(ada);
      return users;
    }) as unknown as typeof read);
    await namesOf(here);
    expect(await namesOf(here)).toEqual(['Ada II']);
  });

  it('are read again after a reconnect, because a signal may have been lost', async () => {
    const { network, pubsub, here, there } = await createNodes();
    for (const one of [here, there]) await namesOf(one);
    await rename('Ada II');
    network.fate = 'lose';
    await here.publishChange(ada);
    expect(await namesOf(there)).toEqual(['Ada']);
    network.fate = 'deliver';
    pubsub.reconnect();
    expect(await namesOf(there)).toEqual(['Ada II']);
  });
});
