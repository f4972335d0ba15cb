import 'fake-indexeddb/auto';
import { randomUUID } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { createIndexedDbStore } from '../../client/src/urql/platform/indexed-db-store.ts';
import { createMemoryStore } from '../../client/src/urql/platform/memory-store.ts';
import type { DataStore } from '../../client/src/urql/platform/platform.ts';

const stores: Record<string, () => DataStore> = {
  memory: createMemoryStore,
  IndexedDB: () => createIndexedDbStore(randomUUID(), createMemoryStore()),
};

describe.each(Object.entries(stores))('a store in %s', (_, create) => {
  test('keeps values of every kind until they are deleted', async () => {
    const store = create();
    const value = { map: new Map([[1, 'one']]), blob: new Blob(['a plum']) };
    await store.set('a', value);
    expect(await store.get('a')).toMatchObject({ map: value.map });
    await store.delete('a');
    expect(await store.get('a')).toBeUndefined();
  });

  test('lists the values under a prefix in the order of their keys', async () => {
    const store = create();
    for (const key of ['p/2', 'q/1', 'p/1', 'p/10']) await store.set(key, key);
    expect(await store.list('p/')).toEqual(['p/1', 'p/10', 'p/2']);
    await store.clear();
    expect(await store.list('')).toEqual([]);
  });
});

test('a value outlasts the page in IndexedDB', async () => {
  const name = randomUUID();
  await createIndexedDbStore(name, createMemoryStore()).set('a', 'a plum');
  expect(await createIndexedDbStore(name, createMemoryStore()).get('a')).toBe('a plum');
});

test('values that IndexedDB refuses are kept until the page is closed', async () => {
  const open = vi.spyOn(indexedDB, 'open').mockImplementation(() => {
    throw new DOMException('refused', 'SecurityError');
  });
  const store = createIndexedDbStore(randomUUID(), createMemoryStore());
  await store.set('a', 'a plum');
  expect([await store.get('a'), await store.list('')]).toEqual(['a plum', ['a plum']]);
  await store.delete('a');
  expect(await store.get('a')).toBeUndefined();
  open.mockRestore();
});
