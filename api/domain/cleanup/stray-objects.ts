import type { Query } from '../../infra/database/database.ts';
import type { ObjectPage, Objects, StoredObject } from '../../infra/objects/objects.ts';
import { isFileKey, isRawKey, uploadIdOf } from '../file-keys.ts';
import { selectReferenced } from './upload-statements.ts';

/** Removes objects without a row, page by page. The list stays open between two pages, because a disk lists from the start. */
export function createStrayObjects({ query, objects }: { query: Query; objects: Objects }) {
  let list: { pages: AsyncIterator<ObjectPage>; cursor: string | null } | null = null;

  return {
    /**
     * Examines one page of the store.
     * @param after cursor of the page before it; null for the first page
     * @param before objects stored since this time are kept
     * @returns the number of removed objects, and the page's cursor; null if there is no page
     */
    async removeNext(after: string | null, before: Date): Promise<{ next: string | null; removed: number }> {
      const page = await nextPage(after);
      if (page === null) return { next: null, removed: 0 };
      const keys = await strayKeys(page.objects.filter(({ storedAt }) => storedAt < before));
      await objects.remove(keys);
      return { next: page.cursor, removed: keys.length };
    },
    /** Closes the list. */
    stop: close,
  };

  async function nextPage(after: string | null): Promise<ObjectPage | null> {
    if (list?.cursor !== after) await close();
    list ??= { pages: objects.list(after ?? undefined)[Symbol.asyncIterator](), cursor: after };
    const { pages } = list;
    list = null;
    const { done, value } = await pages.next();
    if (done) return null;
    list = { pages, cursor: value.cursor };
    return value;
  }

  async function strayKeys(old: readonly StoredObject[]): Promise<string[]> {
    const keys = old.map(({ key }) => key).filter(isFileKey);
    if (keys.length === 0) return [];
    const rows = await query(selectReferenced, { ids: [...new Set(keys.map(uploadIdOf))] });
    const known = new Set(rows.map(({ id }) => id));
    return keys.filter((key) => isRawKey(key) || !known.has(uploadIdOf(key)));
  }

  async function close(): Promise<void> {
    const open = list;
    list = null;
    await open?.pages.return?.();
  }
}
