import type { Objects } from '../../api/infra/objects/objects.ts';

/** Returns the keys of a store in the order of its list. @param after cursor behind which the list continues */
export async function listedKeys(objects: Objects, after?: string): Promise<string[]> {
  const keys = [];
  for await (const page of objects.list(after)) keys.push(...page.objects.map(({ key }) => key));
  return keys;
}
