import { buildSchema, parse } from 'graphql';
import { expect, it } from 'vitest';
import { canonicalSelection } from '../../api/live/canonical-selection.ts';

const schema = buildSchema(`
  interface Node { id: ID! }
  type User implements Node { id: ID!, name(size: Int = 1): String!, friend: User }
  type Message implements Node { id: ID!, text: String!, author: User!, about: Node }
  type Query { hello: String }
  type Subscription { messages(channelId: ID!, after: Int): Message! }
`);

/** Returns the canonical text of a selection on a message, or of a whole document. */
function canonical(selection: string, variables: Record<string, unknown> = {}, operationName: string | null = null) {
  const text = selection.startsWith('subscription')
    ? selection
    : `subscription ($id: ID = "1", $on: Boolean = true, $size: Int) { messages(channelId: $id) { ${selection} } }`;
  return canonicalSelection({ schema, document: parse(text), operationName, variables: { id: '1', ...variables } });
}

const plain = canonical('id text author { id name(size: 2) }');

type Case = [difference: string, selection: string, variables?: Record<string, unknown>, operationName?: string];

it.each<Case>([
  ['inline fragments', 'id ... on Message { text ... { author { id } } } author { ... on Node { id } name(size: 2) }'],
  ['repeated fields', 'id text id author { id } author { id name(size: 2) } text'],
  ['variables', 'id text author { id name(size: $size) }', { size: 2 }],
  ['conditions', 'id text author { id @include(if: $on) friend @skip(if: $on) { id } name(size: 2) }', { on: true }],
  [
    'names of variables',
    'subscription A($b: ID!, $c: Int) { messages(channelId: $b, after: $c) { id text author { id name(size: 2) } } }',
    { b: '1', c: 7 },
  ],
  [
    'fragments and the name of the operation',
    `subscription B { messages(channelId: "1", after: 3) { ...All } } query C { hello }
     fragment All on Message { id ...Rest author { name(size: 2) } } fragment Rest on Node { ...Deep } fragment Deep on Message { text author { id } }`,
    {},
    'B',
  ],
])('is the same for documents that differ in %s', (_difference, selection, variables, name) => {
  expect(canonical(selection, variables, name ?? null)).toBe(plain);
});

it.each<Case>([
  ['an alias', 'id words: text author { id name(size: 2) }'],
  ['the order of fields', 'text id author { id name(size: 2) }'],
  ['a field', 'id text author { id name(size: 2) friend { id } }'],
  ['an argument', 'id text author { id name }'],
  ['the value of a variable', 'id text author { id name(size: $size) }', { size: 3 }],
  ['a condition', 'id text @include(if: $on) author { id name(size: 2) }', { on: false }],
  ['the channel', 'id text author { id name(size: 2) }', { id: '2' }],
])('differs for documents that differ in %s', (_difference, selection, variables) => {
  const other = canonical(selection, variables);
  expect(other).not.toBeNull();
  expect(other).not.toBe(plain);
});

it('tells selections on abstract types apart by those on each of their types', () => {
  const selection = 'about { id ... on User { name } ...M } ';
  const one = canonical(selection.replace('...M', '... on Message { text }'));
  expect(one).toBe(canonical('about { ... on Message { id text } ... on User { id name(size: 1) } }'));
  expect(one).not.toBe(canonical(selection.replace('...M', '... on Message { seen: text }')));
  expect(one).not.toBe(canonical('about { ... on Message { id text } }'));
});

it('is not known for other directives and invalid values', () => {
  for (const selection of ['id @live', 'author { name(size: "x") }']) expect(canonical(selection)).toBeNull();
});
