import { type Attack, byBody, byFrames, byHeaders, byOperation, byText, times, toSubscribe } from './requests.ts';

const letters = 'a'.repeat(100_000);
/** Text whose graphemes are costly to find: one of 25,000 code points. */
const family = '\u{1F469}\u200D'.repeat(12_500);
const guest = 'mutation ($input: GuestInput!) { guest(input: $input) { token } }';
const register = 'mutation ($input: RegisterInput!) { register(input: $input) { token } }';
const login = 'mutation ($input: LoginInput!) { login(input: $input) { token } }';
const send = 'mutation ($input: SendInput!) { send(input: $input) { message { id } } }';
const match = 'mutation ($input: MatchInput!) { match(input: $input) { id } }';
const account = { email: 'ada@example.org', password: 'correct horse battery', name: 'Ada' };
const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

/** Long, wide and deep texts in every place that takes one. */
export const texts: readonly Attack[] = [
  ...byOperation('guest: name of 100,000 letters', guest, { input: { name: letters } }),
  ...byOperation('guest: name of joined emoji', guest, { input: { name: family } }),
  ...byOperation('guest: name of 50 KB of combining marks', guest, { input: { name: `a${'\u0301'.repeat(25_000)}` } }),
  ...byOperation('register: name of 100,000 letters', register, { input: { ...account, name: letters } }),
  ...byOperation('register: e-mail of 100,000 letters', register, {
    input: { ...account, email: 'a@'.repeat(50_000) },
  }),
  ...byOperation('register: password of 100,000 letters', register, { input: { ...account, password: letters } }),
  ...byOperation('login: e-mail of 100 KB', login, { input: { ...account, email: `${'a.'.repeat(50_000)}@a` } }),
  ...byOperation('guest: device of 100,000 letters', guest, { input: { name: 'Ada', device: letters } }),
  byBody('guest: name of 1 MB', { query: guest, variables: { input: { name: 'a'.repeat(1_040_000) } } }),
  ...byOperation('register: all texts at their bounds', register, {
    input: {
      email: `${'e'.repeat(240)}@example.org`,
      password: 'p'.repeat(256),
      name: 'é'.repeat(50),
      device: family.slice(0, 100),
    },
  }),
  ...byOperation('match: tags of 100 KB', match, { input: { tags: times(10, () => 'a'.repeat(10_000)) } }, 'guest'),
  ...byOperation('match: 25,000 tags', match, { input: { tags: times(25_000, () => 'a') } }, 'guest'),
  ...byOperation(
    'rooms: search of 100,000 letters',
    'query ($s: String) { rooms(search: $s) { nodes { id } } }',
    { s: letters },
    'guest',
  ),
  ...byOperation(
    'rooms: search of wildcards',
    'query ($s: String) { rooms(search: $s) { nodes { id } } }',
    { s: '%_'.repeat(500) },
    'guest',
  ),
  ...byOperation(
    'users: search of 100,000 letters',
    'query ($s: String!) { users(search: $s) { nodes { id } } }',
    { s: letters },
    'guest',
  ),
  ...byOperation(
    'rooms: cursor of 100,000 letters',
    'query ($c: String) { rooms(after: $c) { nodes { id } } }',
    { c: letters },
    'guest',
  ),
  ...byOperation(
    'users: cursor of 100,000 letters',
    'query ($c: String) { users(search: "ad", after: $c) { nodes { id } } }',
    { c: letters },
    'guest',
  ),
  ...byOperation('node: id of 100,000 letters', 'query ($id: ID!) { node(id: $id) { id } }', { id: letters }, 'guest'),
  ...byOperation('send: text of 100,000 letters', send, { input: { channelId: 'c', text: letters } }, 'guest'),
  byBody(
    'send: text of 1 MB',
    { query: send, variables: { input: { channelId: 'c', text: 'a'.repeat(1_040_000) } } },
    'guest',
  ),
  byBody('JSON: 500,000 levels in variables', `{"query":"{ __typename }","variables":{"a":${deep(500_000)}}}`),
  byBody('JSON: 500,000 levels in extensions', `{"query":"{ __typename }","extensions":{"a":${deep(500_000)}}}`),
  byBody('JSON: 100,000 variables', `{"query":"{ __typename }","variables":{${times(100_000, (n) => `"${n}":1`)}}}`),
  byBody('JSON: operation name of 1 MB', { query: '{ __typename }', operationName: 'a'.repeat(1_040_000) }),
  byBody('JSON: hash of 1 MB', { extensions: { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(1_040_000) } } }),
  byBody('form: 350,000 parameters', 'a=&'.repeat(349_000), undefined, {
    'Content-Type': 'application/x-www-form-urlencoded',
    'GraphQL-Require-Preflight': '1',
  }),
  byFrames('WebSocket: 60,000 levels', [
    `{"type":"subscribe","id":"attack","payload":{"query":"{ __typename }","variables":{"a":${deep(60_000)}}}}`,
  ]),
  byFrames('WebSocket: operation id of 120 KB', [toSubscribe({ query: '{ __typename }' }, 'i'.repeat(120_000))]),
  byFrames('WebSocket: 4,000 levels of payload', [], JSON.parse(deep(4_000))),
  byFrames('WebSocket: token of 120 KB', [], { token: letters }),
  byFrames('WebSocket: message of 1 MB', [letters.repeat(10)]),
  ...['map', 'operations'].map((field) => byForm(field)),
  ...headers(),
];

/** Multipart request whose map names 6,000 paths, or whose operations are 60,000 levels deep. */
function byForm(field: string): Attack {
  const isMap = field === 'map';
  const operations = isMap
    ? JSON.stringify({ query: '{ __typename }', variables: {} })
    : `{"query":"{ __typename }","variables":{"f":${deep(60_000)}}}`;
  const map = isMap ? JSON.stringify({ 0: times(6_000, (n) => `variables.f.${n}`) }) : '{"0":["variables.f"]}';
  const part = (name: string, text: string) =>
    `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${text}\r\n`;
  const body = `${part('operations', operations)}${part('map', map)}${part('0"; filename="a', 'text')}--b--\r\n`;
  const kind = { 'Content-Type': 'multipart/form-data; boundary=b', 'GraphQL-Require-Preflight': '1' };
  return byBody(
    isMap ? 'multipart: map of 6,000 paths' : 'multipart: operations of 60,000 levels',
    body,
    undefined,
    kind,
  );
}

function headers(): Attack[] {
  const most = 15_000;
  const path = '/graphql?query={__typename}';
  const accept = { Accept: 'application/json' };
  return [
    byHeaders('header: token of 15 KB', path, { ...accept, Authorization: `Bearer ${'a.'.repeat(most / 2)}` }),
    byHeaders('header: Accept of 15 KB', path, { Accept: 'a/b;q=0.1,'.repeat(most / 10) }),
    byHeaders('header: Accept-Encoding of 15 KB', '/', { 'Accept-Encoding': 'x;q=0.1,'.repeat(most / 8) }),
    byHeaders('header: X-Forwarded-For of 15 KB', path, { ...accept, 'X-Forwarded-For': '1.1.1.1,'.repeat(most / 8) }),
    byHeaders('header: Cookie of 15 KB', path, { ...accept, Cookie: 'a=b; '.repeat(most / 5) }),
    byHeaders('header: Range of 15 KB', '/', { Range: `bytes=${'0-0,'.repeat(most / 4)}0-1` }),
    byHeaders('header: If-None-Match of 15 KB', '/', { 'If-None-Match': 'W/"a", '.repeat(most / 7) }),
    byHeaders('header: 15 KB of subprotocols', '/graphql', {
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol': times(3_000, (n) => `p${n}`)
        .join(',')
        .slice(0, most),
    }),
    byHeaders('path: 15 KB of escapes', `/files/${'%2e%2e%2f'.repeat(most / 9)}`),
    byHeaders('path: 15 KB of slashes', '/'.repeat(most)),
    byHeaders('path: query of 15 KB', `/graphql?query=${'%7B'.repeat(most / 3)}`, accept),
    byText(
      'header: a Content-Type of 15 KB',
      Buffer.from(
        `POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json${';a=b'.repeat(most / 4)}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
      ),
    ),
  ];
}
