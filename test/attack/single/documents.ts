import { getIntrospectionQuery } from 'graphql';
import { type Attack, byBody, byOperation, times } from './requests.ts';

const wrongList = 'mutation ($ids: [ID!]) { send(input: { channelId: "c", attachmentIds: $ids }) { message { id } } }';
const wrongTags = 'mutation ($tags: [String!]) { match(input: { tags: $tags }) { id } }';
const create = 'mutation ($input: CreateRoomInput!) { createRoom(input: $input) { id } }';
const introspection = getIntrospectionQuery();
/** Introspection's part with the most fields, under another alias each time. */
const schemas = (count: number) =>
  `{ ${times(count, (n) => `a${n}: __schema { types { fields { name args { name type { name } } type { name ofType { name } } } } }`).join(' ')} }`;
const aliased = (count: number, field: string) => times(count, (n) => `a${n}: ${field}`).join(' ');
const batch = (query: string, variables: object = {}) => times(10, () => ({ query, variables }));

/** Lists of wrong variables, each of which is an error. */
const variables: readonly Attack[] = [
  byBody('variables: 60,000 wrong items', { query: wrongList, variables: { ids: times(60_000, () => ({})) } }),
  byBody('variables: 1 MB of wrong items', { query: wrongList, variables: { ids: times(340_000, () => []) } }),
  byBody('variables: 1 MB of null', { query: wrongTags, variables: { tags: times(200_000, () => null) } }),
  byBody('variables: 80,000 unknown fields', {
    query: create,
    variables: { input: Object.fromEntries(times(80_000, (n) => [`nam${n}`, 1])) },
  }),
  byBody('variables: an unknown field of 1 MB', {
    query: create,
    variables: { input: { ['name'.repeat(250_000)]: 1 } },
  }),
  byBody('variables: an enum value of 1 MB', {
    query: create,
    variables: { input: { name: 'a', visibility: 'PUBLI'.repeat(200_000) } },
  }),
  ...byOperation('variables: 30,000 wrong items', wrongList, { ids: times(30_000, () => ({})) }),
  byBody('variables: 10 × 30,000 wrong items', batch(wrongList, { ids: times(30_000, () => []) })),
];

/** Operations whose responses or statements cost more than they seem to. */
const costly: readonly Attack[] = [
  ...byOperation('introspection', introspection),
  byBody('introspection: batch of 10', batch(introspection)),
  byBody('introspection: 30 aliases × 10', batch(schemas(30))),
  byBody('introspection: 4 aliases', { query: schemas(4) }),
  byBody('introspection: types of types', {
    query: '{ __type(name: "User") { fields { type { fields { type { fields { type { name } } } } } } } }',
  }),
  ...byOperation('unreadCount: 30 aliases', `{ me { ${aliased(30, 'unreadCount')} } }`, {}, 'member'),
  byBody('unreadCount: 30 aliases × 10', batch(`{ me { ${aliased(30, 'unreadCount')} } }`), 'member'),
  byBody(
    'onlineCount: 29 aliases of each room',
    { query: `{ rooms(first: 20) { nodes { ${aliased(29, 'onlineCount')} } } }` },
    'member',
  ),
  byBody(
    'pages: channels × messages',
    {
      query:
        '{ me { channels(first: 20) { nodes { messages(last: 100) { nodes { id seq position kind text sentAt clientId } } } } } }',
    },
    'member',
  ),
  byBody(
    'pages: 3 aliases of channels × messages',
    {
      query: `{ me { channels(first: 20) { nodes { ${aliased(3, 'messages(last: 60) { nodes { id text author { name } } }')} } } } }`,
    },
    'member',
  ),
  byBody(
    'pages: members, presence and unread counts',
    {
      query:
        '{ me { channels(first: 20) { nodes { unread: viewerMembership { unreadCount firstUnseen { id } } members(first: 50) { nodes { online lastSeenAt avatarUrl } } } } } }',
    },
    'member',
  ),
  byBody(
    'pages: batch of 10',
    batch('{ me { channels(first: 20) { nodes { messages(last: 40) { nodes { id } } } } } }'),
    'member',
  ),
  byBody('leaves: 900 fields', { query: `{ ${'__typename '.repeat(900)} }` }),
];

/** Documents that are costly to parse or to validate. */
const malformed: readonly Attack[] = [
  ...byOperation('document: 10,000 braces', '{'.repeat(10_000)),
  ...byOperation('document: 60 KB of tokens', '{a '.repeat(20_000)),
  byBody('document: 1 MB', { query: `{ ${'a '.repeat(500_000)} }` }),
  byBody('document: 10 × 90 KB', batch('{a '.repeat(30_000))),
  byBody('document: a comment of 60 KB', { query: `#${'a'.repeat(60_000)}\n{ __typename }` }),
  byBody('document: a block string of 60 KB', { query: `{ node(id: """${'\\"""\n '.repeat(10_000)}""") { id } }` }),
  byBody('document: an unterminated string', { query: `{ node(id: "${'a'.repeat(60_000)}` }),
  byBody('document: a field of 60,000 letters', { query: `{ ${'rooms'.repeat(12_000)} }` }),
  byBody('document: 1,900 unknown fields', { query: `{ ${times(1_900, (n) => `room${n}`).join(' ')} }` }),
  byBody('document: an enum value of 60,000 letters', {
    query: `mutation { createRoom(input: { name: "a", visibility: ${'PUBLI'.repeat(12_000)} }) { id } }`,
  }),
  byBody('document: 600 unknown arguments', {
    query: `{ rooms(${times(600, (n) => `firs${n}: 1`).join(' ')}) { nodes { id } } }`,
  }),
  byBody('document: a list of 900 levels', { query: `{ node(id: ${'['.repeat(900)}${']'.repeat(900)}) { id } }` }),
  byBody('document: an object of 450 levels', {
    query: `{ node(id: ${'{a:'.repeat(450)}1${'}'.repeat(450)}) { id } }`,
  }),
  byBody('document: 380 operations', { query: times(380, () => 'query a { me { id } }').join(' ') }),
  byBody('document: 280 variables', {
    query: `query (${times(280, (n) => `$v${n}: Int = 1`).join(' ')}) { __typename }`,
  }),
  byBody('document: 900 undefined variables', {
    query: `{ rooms(search: [${times(900, (n) => `$v${n}`).join(' ')}]) { nodes { id } } }`,
  }),
  byBody('directives: 280 times @skip', { query: `{ __typename ${'@skip(if: true) '.repeat(280)} }` }),
  byBody('directives: 900 unknown', { query: `{ __typename ${'@a '.repeat(900)} }` }),
  byBody('overlaps: 480 equal fields', { query: `{ ${'me { id } '.repeat(480)} }` }),
  byBody('overlaps: 230 conflicts', { query: `{ me { ${'a: id a: name '.repeat(230)} } }` }),
  byBody('overlaps: nested fields', {
    query: `{ ${`me { ${'channels { nodes { id name } } '.repeat(24)} } `.repeat(8)} }`,
  }),
  byBody('overlaps: arguments that differ', {
    query: `{ ${times(180, (n) => `rooms(first: ${n}) { nodes { id } }`).join(' ')} }`,
  }),
  byBody('fragments: a cycle', { query: '{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }' }),
  byBody('fragments: a ring of 200', {
    query: `{ ...f0 } ${times(200, (n) => `fragment f${n} on Query { ...f${(n + 1) % 200} }`).join(' ')}`,
  }),
  byBody('fragments: each spreads all others', {
    query: `{ ...f0 } ${times(26, (n) => `fragment f${n} on Query { me { id } ${times(26 - n - 1, (k) => `...f${n + k + 1}`).join(' ')} }`).join(' ')}`,
  }),
  byBody('fragments: 120 times doubled', {
    query: `{ me { ...f0 } } ${times(120, (n) => `fragment f${n} on User { ...f${n + 1} ...f${n + 1} }`).join(' ')} fragment f120 on User { id }`,
  }),
  byBody('fragments: 280 unused', {
    query: `{ __typename } ${times(280, (n) => `fragment f${n} on Query { __typename }`).join(' ')}`,
  }),
  byBody('fragments: 220 inline', { query: `{ ${'... on Query { me { id } } '.repeat(220)} }` }),
  ...(['overlaps', 'fragments'] as const).map((kind) =>
    byBody(
      `batch: 10 × ${kind}`,
      batch(
        kind === 'overlaps' ? `{ ${'me { id } '.repeat(480)} }` : `{ ${'... on Query { me { id } } '.repeat(220)} }`,
      ),
    ),
  ),
  byBody('batch: 200,000 nulls', `[${'null,'.repeat(200_000)}null]`),
  byBody('batch: 340,000 lists', `[${'[],'.repeat(340_000)}[]]`),
];

/** Documents and variables that are costly to check or to execute. */
export const documents: readonly Attack[] = [...variables, ...costly, ...malformed];
