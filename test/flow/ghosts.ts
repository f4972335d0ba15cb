import { expect, test, vi } from 'vitest';
import { ask, follow, guest, type Person, socket } from '../support/client.ts';

const match =
  'mutation ($tags: [String!]) { match(input: { tags: $tags, strict: true }) { id status partner { name } } }';
const present = '{ match { id status } }';
const changes = 'subscription { match { id status endReason partner { name online } } }';

/** Opens a tab of a user, which follows their match. */
export async function openTab(url: string, person: Person) {
  const client = socket(url, person.token);
  const { received } = follow(client, changes);
  await vi.waitFor(() => expect(received.length).toBeGreaterThan(0));
  return { received, latest: () => received.at(-1), close: () => client.dispose(), drop: () => client.drop() };
}

/** Takes a place for a person; only callers with the same tag are matched with them. */
export async function takePlace(person: Person, tag: string) {
  return (await person.ask(match, { tags: [tag] })).match;
}

/** Resolves once a person has no place in the queue, asked at any gateway, and checks that nobody is matched with them. */
export async function leavesQueue(url: string, person: Person, tag: string): Promise<void> {
  await vi.waitFor(async () =>
    expect(await ask(url, present, {}, person.token)).toMatchObject({ data: { match: null } }),
  );
  expect(await takePlace(await guest(url, 'Late'), tag)).toMatchObject({ status: 'WAITING' });
}

/**
 * Tests that nobody is matched with a user who has gone, nor kept waiting by one.
 * @param urls addresses of two gateways, or twice that of one; `MATCH_LEASE_MS` must be far longer than the patience of a test, and
 *   `MATCH_ABSENCE_MS` short
 */
export function testGhosts(urls: () => readonly [string, string]): void {
  test('closing one of two tabs keeps the place, a reload keeps it too, and closing the last one ends it', async () => {
    const [here, there] = urls();
    const ada = await guest(here, 'Ada');
    const tabs = [await openTab(here, ada), await openTab(there, ada)] as const;
    const { id } = await takePlace(ada, 'tabs');
    for (const { latest } of tabs) await vi.waitFor(() => expect(latest()).toMatchObject({ id, status: 'WAITING' }));
    await tabs[0].close();
    tabs[1].drop();
    await vi.waitFor(() => expect(tabs[1].received.filter((one) => one?.id === id).length).toBeGreaterThan(1));
    expect((await ada.ask(present)).match).toEqual({ id, status: 'WAITING' });

    await tabs[1].close();
    await leavesQueue(here, ada, 'tabs');
  });

  test('a partner who has gone shows as offline, the match ends, and both can be matched again', async () => {
    const [here, there] = urls();
    const [ada, ben] = [await guest(here, 'Ada'), await guest(there, 'Ben')];
    const [adas, bens] = [await openTab(here, ada), await openTab(there, ben)];
    const { id } = await takePlace(ada, 'gone');
    await takePlace(ben, 'gone');
    await vi.waitFor(() => expect(adas.latest()).toMatchObject({ id, status: 'MATCHED', partner: { online: true } }));

    await bens.close();
    await vi.waitFor(() => expect(adas.latest()).toMatchObject({ id, status: 'ENDED', endReason: 'PARTNER_GONE' }));
    const matched = adas.received.filter((one) => one?.status === 'MATCHED');
    expect(matched.at(-1)).toMatchObject({ id, partner: { name: 'Ben', online: false } });

    const returned = await openTab(there, ben);
    for (const person of [ada, ben]) {
      const other = await guest(there, 'Other');
      const tab = await openTab(there, other);
      await takePlace(other, person.id);
      expect(await takePlace(person, person.id)).toMatchObject({ status: 'MATCHED', partner: { name: 'Other' } });
      await tab.close();
    }
    await returned.close();
    await adas.close();
  });
}
