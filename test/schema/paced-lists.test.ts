import { buildSchema, execute, type GraphQLSchema, parse } from 'graphql';
import { expect, test } from 'vitest';
import { createPacer } from '../../api/pacer.ts';
import { paceLists } from '../../schema/paced-lists.ts';

/** A list of a hundred items, and the items that were executed in each turn of the event loop. */
function createWorld() {
  const turns: number[] = [];
  let inTurn = 0;
  const count = () => {
    if (inTurn++ === 0) {
      setImmediate(() => {
        turns.push(inTurn);
        inTurn = 0;
      });
    }
    return inTurn;
  };
  const schema = buildSchema('type Query { items: [Item!]! later: [Item!] } type Item { n: Int! counted: Int! }');
  const fields = schema.getQueryType()?.getFields() ?? {};
  const items = Array.from({ length: 100 }, (_, n) => ({ n, counted: count }));
  if (fields['items']) fields['items'].resolve = () => items;
  if (fields['later']) fields['later'].resolve = async () => items;
  return { schema: paceLists(schema), turns };
}

async function run(schema: GraphQLSchema, query: string, contextValue: object) {
  const result = await execute({ schema, document: parse(query), contextValue });
  await new Promise((resolve) => setImmediate(resolve));
  return result;
}

test.each(['items', 'later'])('a long list is executed in parts, in the order of its items (%s)', async (name) => {
  const { schema, turns } = createWorld();
  // A clock that has always moved on: each part takes longer than a slice.
  let now = 0;
  const pacer = createPacer({ sliceMs: 1, now: () => now++ });
  const { data, errors } = await run(schema, `{ list: ${name} { n counted } }`, { pacer });
  expect(errors).toBeUndefined();
  expect(data?.['list']).toMatchObject(Array.from({ length: 100 }, (_, n) => ({ n })));
  expect(Math.max(...turns)).toBeLessThanOrEqual(20);
  expect(turns.reduce((sum, items) => sum + items, 0)).toBe(100);
});

test('without a pacer, a list is executed at once', async () => {
  const { schema, turns } = createWorld();
  await run(schema, '{ items { n counted } }', {});
  expect(turns).toEqual([100]);
});
