import { randomUUID } from 'node:crypto';
import { getIntrospectionQuery, getNullableType, isIntrospectionType, isListType, isObjectType, parse } from 'graphql';
import { expect, test, vi } from 'vitest';
import { cachedPriceOf } from '../../api/gateway/graphql/cost.ts';
import { priceOf } from '../../api/gateway/graphql/price.ts';
import { maxCost } from '../../api/gateway/request-limits.ts';
import { schema } from '../../schema/index.ts';
import { startGateway } from '../support/gateway.ts';
import { post } from '../support/wire.ts';

const price = (query: string, variableValues: Record<string, unknown> = {}) =>
  priceOf({ schema, document: parse(query), variableValues }).points;

test.each([
  ['an object and its leaf values', '{ me { id name } }', 2],
  ['ten leaf values as one object', `{ me { ${'name '.repeat(10)}} }`, 2],
  ['a field that runs statements', '{ me { unreadCount } }', 52],
  ['each alias of such a field', '{ me { a: unreadCount b: unreadCount } }', 102],
  ['a page by its size', '{ rooms(first: 100) { nodes { id } } }', 120],
  ['a page of the default size', '{ rooms { nodes { id } } }', 65],
  ['a list by its maximum length', '{ me { blockedUsers { id name avatarUrl isGuest } } }', 1406],
  ['the members who are online as a hundred', '{ rooms(first: 1) { nodes { online { id name } } } }', 151],
  ['a page whose items run statements', '{ rooms(first: 100) { nodes { onlineCount } } }', 1120],
])('counts %s', (_name, query, points) => {
  expect(price(query)).toBe(points);
});

test('knows the length of every list: by a page argument, or declared by the field', () => {
  const objects = Object.values(schema.getTypeMap()).filter(isObjectType);
  const types = objects.filter((type) => !isIntrospectionType(type));
  const fields = types.flatMap((type) => Object.values(type.getFields()).map((field) => ({ type, field })));
  const lists = fields.filter(({ field }) => isListType(getNullableType(field.type)));
  const unknown = lists.filter(({ field: { args, extensions } }) => {
    return extensions['listLength'] === undefined && !args.some(({ name }) => name === 'first');
  });
  expect(lists.length).toBeGreaterThan(10);
  expect(unknown.map(({ type, field }) => `${type.name}.${field.name}`)).toEqual([]);
});

test('prices two dozen aliases of a long list above the maximum', () => {
  const users = (n: number) => `a${n}: blockedUsers { id name avatarUrl isGuest }`;
  const query = `{ me { ${Array.from({ length: 24 }, (_, n) => users(n)).join(' ')} } }`;
  expect(price(query)).toBeGreaterThan(maxCost);
});

test('reads page sizes and conditions from variables, with their defaults', () => {
  const query = 'query ($n: Int = 10, $no: Boolean!) { rooms(first: $n) { nodes { onlineCount @skip(if: $no) id } } }';
  expect(price(query, { no: true })).toBe(21);
  expect(price(query, { no: false, n: 20 })).toBe(10 + 20 * 11.2);
  expect(price(query, { no: true, n: 'many' })).toBe(65);
});

test('keeps no name of an operation that does not exist', () => {
  const document = parse('{ me { id } }');
  const kept = vi.spyOn(Map.prototype, 'set');
  const operationName = randomUUID();
  expect(cachedPriceOf({ schema, document, operationName })).toBe(0);
  expect(kept.mock.calls.flat()).not.toContain(operationName);
  kept.mockRestore();
});

test('prices introspection by the size of the schema, so that one is allowed and thirty are not', () => {
  const one = price(getIntrospectionQuery({ inputValueDeprecation: true }));
  expect(one).toBeGreaterThan(1_000);
  expect(one).toBeLessThan(maxCost / 2);
  const types = (name: string) => `${name}: __schema { types { fields { description type { fields { name } } } } }`;
  expect(price(`{ ${Array.from({ length: 30 }, (_, n) => types(`a${n}`)).join(' ')} }`)).toBeGreaterThan(maxCost);
  expect(price('{ __type(name: "Mutation") { fields { name } } }')).toBeGreaterThanOrEqual(
    Object.keys(schema.getMutationType()?.getFields() ?? {}).length,
  );
});

test('visits a fragment once however often it is spread', () => {
  const depth = 60;
  const fragments = Array.from({ length: depth }, (_, n) => `fragment F${n} on User { ...F${n + 1} ...F${n + 1} }`);
  const query = `{ me { ...F0 } } ${fragments.join(' ')} fragment F${depth} on User { name }`;
  expect(price(query)).toBeGreaterThan(1e15);
});

test('adds up the operations of a batch, which may not cost more than one operation may', async () => {
  const { url, gateway } = await startGateway({ schema });
  const query = getIntrospectionQuery();
  const responses = (
    await post(
      url,
      Array.from({ length: 10 }, () => ({ query })),
    )
  ).json() as {
    errors?: { extensions: object }[];
  }[];
  const refused = responses.filter(({ errors }) => errors);
  expect(responses).toHaveLength(10);
  expect(refused.length).toBeGreaterThanOrEqual(3);
  expect(refused[0]?.errors).toMatchObject([{ extensions: { code: 'BAD_REQUEST', limit: maxCost } }]);
  expect((await post(url, { query })).json()).toHaveProperty('data.__schema');
  await gateway.stop();
});
