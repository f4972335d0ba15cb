import { type GraphQLFieldResolver, type GraphQLSchema, isObjectType, parse } from 'graphql';
import { expect, test } from 'vitest';
import type { Entry } from '../../api/events.ts';
import { executeOperation, executeOver } from '../../api/gateway/graphql/execute.ts';
import { encodeId } from '../../schema/ids.ts';
import { schema } from '../../schema/index.ts';

const channelId = '0f4a3c58-52a6-4f5e-8f0c-2d1f0b7c9a11';
const userId = '7d5f6c0a-1f2b-4f5d-9a3e-5c6b7a8d9e0f';

type AnyResolver = GraphQLFieldResolver<unknown, unknown>;

/** Returns the types that implement `Node`, each with the resolver of its ids. */
function nodeTypes(of: GraphQLSchema): [name: string, resolve: AnyResolver][] {
  const types = Object.values(of.getTypeMap()).filter(isObjectType);
  const nodes = types.filter((type) => type.getInterfaces().some(({ name }) => name === 'Node'));
  return nodes.map((type) => [type.name, type.getFields()['id']?.resolve as AnyResolver]);
}

const nothing = [{}, {}, {} as never] as const;

test.each(nodeTypes(schema))('the id of a %s is there at once', (name, resolve) => {
  const isPair = name === 'Membership';
  const id = resolve({ id: userId, channelId, userId }, ...nothing);
  expect(id).toBe(encodeId(name as 'User', isPair ? `${channelId}:${userId}` : userId));
});

test('a selection that loads nothing is executed over an event without a promise', () => {
  const document = parse('subscription { messages(channelId: "c") { id seq text author { id name } } }');
  const author = { id: userId, name: 'Ada' };
  const contextValue = { domain: { accounts: { cachedAuthor: () => author } } };
  const entry = { id: channelId, authorId: userId, seq: 1, text: 'Hi' } as Entry;
  const id = encodeId('Message', channelId);
  const message = { id, seq: 1, text: 'Hi', author: { id: encodeId('User', userId), name: 'Ada' } };
  const args = { schema, document, contextValue };
  expect(executeOperation(args, entry)).toEqual({ data: { messages: message } });
  expect(executeOver(args, [entry, entry])).toEqual([{ data: { messages: message } }, { data: { messages: message } }]);
});

test('a selection of which one event must wait has a promise for all results', async () => {
  const document = parse('subscription { messages(channelId: "c") { author { name } } }');
  const cachedAuthor = (id: string) => (id === userId ? { id, name: 'Ada' } : null);
  const author = async (id: string) => ({ id, name: 'Bob' });
  const contextValue = { domain: { accounts: { cachedAuthor } }, loaders: { author } };
  const results = executeOver({ schema, document, contextValue }, [{ authorId: userId }, { authorId: channelId }]);
  expect(results).toBeInstanceOf(Promise);
  const names = (await results).map(({ data }) => (data as { messages: { author: { name: string } } }).messages.author);
  expect(names).toEqual([{ name: 'Ada' }, { name: 'Bob' }]);
});
