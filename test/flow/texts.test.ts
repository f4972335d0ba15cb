import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { readText, type TextKind } from '../../api/text/text-kinds.ts';
import { schema } from '../../schema/index.ts';
import { textArguments } from '../../schema/text-arguments.ts';
import { startApp } from '../support/app.ts';
import { ask, type Data, guest, type Person } from '../support/client.ts';
import { appointed } from '../support/moderators.ts';
import { samples } from '../support/texts.ts';
import { openSocket, type ResponseError } from '../support/wire.ts';

/** How a text reaches an argument, and how its stored form is read. */
interface Use {
  query: string;
  variables(text: string): object;
  /** Path of the argument in BAD_USER_INPUT. */
  path: string;
  /** Reads the stored text from the data; without it only errors are compared. */
  read?(data: Data): string;
  /** Codes of other refusals. */
  codes?: readonly string[];
  /** Path of another argument, which is refused if this one is not. */
  otherPath?: string;
}

const password = 'correct horse';
const someEmail = () => `${randomUUID()}@example.org`;
const refused = ['UNAUTHENTICATED'];

let url: string;
let ada: Person;
let channelId: string;
let messageId: string;
let suspendedId: string;
let reportId: string;

beforeAll(async () => {
  const app = await startApp({ COST_BUDGET_PER_MINUTE: '1000000000' });
  url = app.url;
  ada = await appointed(app, 'Ada');
  suspendedId = (await guest(url)).id;
  const report = 'mutation ($id: ID!) { report(input: { userId: $id, reason: "spam" }) { id } }';
  reportId = (await ada.ask(report, { id: suspendedId })).report.id;
  channelId = (await ada.ask('mutation { createRoom(input: { name: "Texts" }) { id } }')).createRoom.id;
  messageId = (await ada.ask(sendQuery, { input: { channelId, text: 'first' } })).send.message.id;
  return app.stop;
});

const sendQuery = 'mutation ($input: SendInput!) { send(input: $input) { message { id text clientId } } }';
const guestQuery = 'mutation ($input: GuestInput!) { guest(input: $input) { user { name email } } }';
const registerQuery = 'mutation ($input: RegisterInput!) { register(input: $input) { user { name email } } }';
const loginQuery = 'mutation ($input: LoginInput!) { login(input: $input) { user { name } } }';
const createQuery = 'mutation ($input: CreateRoomInput!) { createRoom(input: $input) { name } }';
const reactQuery = (field: string) =>
  `mutation ($id: ID!, $emoji: String!) { ${field}(messageId: $id, emoji: $emoji) { id } }`;
const changeQuery =
  'mutation ($current: String!, $next: String!) { changePassword(current: $current, next: $next) { token } }';

/** One use of each String among the arguments of the schema; cursors aside, which all connections read alike. */
const uses: Record<string, Use> = {
  'GuestInput.name': {
    query: guestQuery,
    variables: (name) => ({ input: { name } }),
    path: 'input.name',
    read: ({ guest }) => guest.user.name,
  },
  'GuestInput.email': {
    query: guestQuery,
    variables: (text) => ({ input: { name: 'Ada', email: `${text}@example.org` } }),
    path: 'input.email',
    read: ({ guest }) => guest.user.email,
  },
  'GuestInput.device': ofDevice('guest', 'GuestInput', () => ({ name: 'Ada' })),
  'RegisterInput.name': {
    query: registerQuery,
    variables: (name) => ({ input: { name, email: someEmail(), password } }),
    path: 'input.name',
    read: ({ register }) => register.user.name,
  },
  'RegisterInput.email': {
    query: registerQuery,
    variables: (text) => ({ input: { name: 'Ada', email: `${text}@${randomUUID()}.example`, password } }),
    path: 'input.email',
  },
  'RegisterInput.password': {
    query: registerQuery,
    variables: (text) => ({ input: { name: 'Ada', email: someEmail(), password: `${password} ${text}` } }),
    path: 'input.password',
  },
  'RegisterInput.device': ofDevice('register', 'RegisterInput', () => ({ name: 'Ada', email: someEmail(), password })),
  'RegisterInput.refreshToken': {
    query: registerQuery,
    variables: (refreshToken) => ({ input: { name: 'Ada', email: someEmail(), password, refreshToken } }),
    path: 'input.refreshToken',
    codes: refused,
  },
  'LoginInput.email': {
    query: loginQuery,
    variables: (email) => ({ input: { email, password } }),
    path: 'input.email',
    codes: refused,
  },
  'LoginInput.password': {
    query: loginQuery,
    variables: (text) => ({ input: { email: someEmail(), password: text } }),
    path: 'input.password',
    codes: refused,
  },
  'LoginInput.device': {
    query: loginQuery,
    variables: (device) => ({ input: { email: someEmail(), password, device } }),
    path: 'input.device',
    codes: refused,
  },
  'ProfileInput.name': {
    query: 'mutation ($input: ProfileInput!) { updateProfile(input: $input) { name } }',
    variables: (name) => ({ input: { name } }),
    path: 'input.name',
    read: ({ updateProfile }) => updateProfile.name,
  },
  'Mutation.changePassword(current:)': {
    query: changeQuery,
    variables: (current) => ({ current, next: 'battery staple' }),
    path: 'current',
  },
  'Mutation.changePassword(next:)': {
    query: changeQuery,
    variables: (text) => ({ current: 'wrong', next: `${password} ${text}` }),
    path: 'next',
    otherPath: 'current',
  },
  'Mutation.deleteAccount(password:)': {
    query: 'mutation ($text: String) { deleteAccount(password: $text) }',
    variables: (text) => ({ text }),
    path: 'password',
  },
  'Mutation.requestPasswordReset(email:)': {
    query: 'mutation ($text: String!) { requestPasswordReset(email: $text) }',
    variables: (text) => ({ text: `${text}@${randomUUID()}.example` }),
    path: 'email',
  },
  'Mutation.resetPassword(password:)': {
    query: 'mutation ($text: String!) { resetPassword(token: "unknown", password: $text) { token } }',
    variables: (text) => ({ text }),
    path: 'password',
    otherPath: 'token',
  },
  'Mutation.resetPassword(token:)': {
    query: 'mutation ($text: String!) { resetPassword(token: $text, password: "battery staple") { token } }',
    variables: (text) => ({ text }),
    path: 'token',
  },
  'Mutation.refresh(refreshToken:)': {
    query: 'mutation ($text: String!) { refresh(refreshToken: $text) { token } }',
    variables: (text) => ({ text }),
    path: 'refreshToken',
    codes: refused,
  },
  'CreateRoomInput.name': {
    query: createQuery,
    variables: (name) => ({ input: { name } }),
    path: 'input.name',
    read: ({ createRoom }) => createRoom.name,
  },
  'CreateRoomInput.clientId': {
    query: createQuery,
    variables: (clientId) => ({ input: { name: 'Tea', clientId } }),
    path: 'input.clientId',
  },
  'CreateRoomInput.description': {
    query: 'mutation ($input: CreateRoomInput!) { createRoom(input: $input) { description } }',
    variables: (description) => ({ input: { name: 'Tea', description } }),
    path: 'input.description',
    read: ({ createRoom }) => createRoom.description,
  },
  'Mutation.updateRoom(description:)': {
    query: 'mutation ($id: ID!, $text: String) { updateRoom(channelId: $id, description: $text) { description } }',
    variables: (text) => ({ id: channelId, text }),
    path: 'description',
    read: ({ updateRoom }) => updateRoom.description,
  },
  'Mutation.updateRoom(name:)': {
    query: 'mutation ($id: ID!, $name: String) { updateRoom(channelId: $id, name: $name) { name } }',
    variables: (name) => ({ id: channelId, name }),
    path: 'name',
    read: ({ updateRoom }) => updateRoom.name,
  },
  'MatchInput.tags': {
    query: 'mutation ($tags: [String!]) { match(input: { tags: $tags }) { status } }',
    variables: (tag) => ({ tags: [tag] }),
    path: 'input.tags.0',
  },
  'SendInput.text': {
    query: sendQuery,
    variables: (text) => ({ input: { channelId, text } }),
    path: 'input.text',
    read: ({ send }) => send.message.text,
  },
  'SendInput.clientId': {
    query: sendQuery,
    variables: (clientId) => ({ input: { channelId, text: 'x', clientId } }),
    path: 'input.clientId',
    read: ({ send }) => send.message.clientId,
  },
  'Mutation.editMessage(text:)': {
    query: 'mutation ($id: ID!, $text: String!) { editMessage(messageId: $id, text: $text) { text } }',
    variables: (text) => ({ id: messageId, text }),
    path: 'text',
    read: ({ editMessage }) => editMessage.text,
  },
  'ReportInput.reason': {
    query: 'mutation ($input: ReportInput!) { report(input: $input) { reason } }',
    variables: (reason) => ({ input: { userId: suspendedId, reason } }),
    path: 'input.reason',
  },
  'Mutation.resolveReport(note:)': {
    query: 'mutation ($id: ID!, $note: String) { resolveReport(id: $id, action: DISMISS, note: $note) { note } }',
    variables: (note) => ({ id: reportId, note }),
    path: 'note',
  },
  'Mutation.addReaction(emoji:)': {
    query: reactQuery('addReaction'),
    variables: (emoji) => ({ id: messageId, emoji }),
    path: 'emoji',
  },
  'Mutation.removeReaction(emoji:)': {
    query: reactQuery('removeReaction'),
    variables: (emoji) => ({ id: messageId, emoji }),
    path: 'emoji',
  },
  'Mutation.suspendUser(reason:)': {
    query: 'mutation ($id: ID!, $reason: String!) { suspendUser(userId: $id, reason: $reason) { id } }',
    variables: (reason) => ({ id: suspendedId, reason }),
    path: 'reason',
  },
  'Query.rooms(search:)': {
    query: 'query ($search: String) { rooms(search: $search, first: 1) { nodes { id } } }',
    variables: (search) => ({ search }),
    path: 'search',
  },
  'Query.users(search:)': {
    query: 'query ($search: String!) { users(search: $search, first: 1) { nodes { id } } }',
    variables: (search) => ({ search }),
    path: 'search',
  },
  'StartUploadInput.filename': {
    query: 'mutation ($input: StartUploadInput!) { startUpload(input: $input) { id } }',
    variables: (filename) => ({ input: { channelId, filename, byteSize: 1 } }),
    path: 'input.filename',
    codes: ['CONFLICT'],
  },
};

/** Kinds whose texts the domain reads with something added, or refuses for more reasons than their characters. */
const composed = new Set<TextKind>(['email', 'password', 'searchTerm', 'refreshToken', 'resetToken']);
/** Uses that are tried with all samples; each kind that people see has one. */
const thorough = new Set([
  ...['GuestInput.name', 'CreateRoomInput.name', 'MatchInput.tags', 'SendInput.text', 'Query.rooms(search:)'],
  'StartUploadInput.filename',
]);
/** Samples that every use is tried with. */
const hostile = [
  'NFD',
  'NUL',
  'half of a pair',
  'second half of a pair',
  'right-to-left override',
  'zero-width space alone',
];
/** Longer texts are refused for their size, before their kind matters. */
const maxTextBytes = 1_024;

const declared = textArguments(schema);

it('every String among the arguments of the schema has a kind, and a use here', () => {
  expect(declared.filter(({ kind }) => kind === undefined)).toEqual([]);
  const names = declared.filter(({ kind }) => kind !== 'cursor').map(({ name }) => name);
  expect(Object.keys(uses).sort()).toEqual(names);
});

describe.each(Object.entries(uses))('%s', (name, use) => {
  const kind = declared.find((argument) => argument.name === name)?.kind ?? 'cursor';
  const isOfNewcomer = kind === 'password' || /^(?:Guest|Register)Input/.test(name);
  const tried = Object.entries(samples).filter(([sample]) => thorough.has(name) || hostile.includes(sample));
  const texts = tried.filter(([, { text }]) => Buffer.byteLength(text) <= maxTextBytes);

  it('reads each text by the rule of its kind', async () => {
    const caller = isOfNewcomer ? await guest(url) : ada;
    for (const [sample, { text }] of texts) expect(await mismatch(use, kind, text, caller), sample).toBeNull();
  });
});

it.each(['variables', 'a literal'])(
  'halves of surrogate pairs in %s are refused over a WebSocket, which stays open',
  async (where) => {
    const socket = await openSocket(url, { authorization: `Bearer ${ada.token}` });
    const isLiteral = where === 'a literal';
    const text = isLiteral ? '"\\\\ud800"' : '$text';
    const query = `mutation${isLiteral ? '' : '($text: String!)'} { send(input: { channelId: \\"${channelId}\\", text: ${text.replaceAll('"', '\\"')} }) { message { text } } }`;
    socket.send(`{"id":"1","type":"subscribe","payload":{"query":"${query}","variables":{"text":"\\ud800"}}}`);
    const { payload } = await socket.next();
    const [error] = payload?.errors ?? (payload as ResponseError[]);
    expect(error?.extensions.code).toBe(isLiteral ? 'GRAPHQL_PARSE_FAILED' : 'BAD_USER_INPUT');
    socket.subscribe('2', '{ limits { messageBytes } }');
    await expect.poll(async () => (await socket.next()).id).toBe('2');
    socket.socket.close();
  },
);

it('a password opens its account in every form', async () => {
  const forms = [
    'Tr\u00E8s-s\u00E9cr\u00E8t-42',
    'Tre\u0300s-se\u0301cre\u0300t-42',
    '\uFF34r\u00E8s-s\u00E9cr\u00E8t-\uFF14\uFF12',
  ];
  for (const form of forms) {
    const email = someEmail();
    expect((await ask(url, registerQuery, { input: { name: 'Ada', email, password: form } })).errors).toEqual([]);
    for (const other of forms)
      expect((await ask(url, loginQuery, { input: { email, password: other } })).errors).toEqual([]);
    const { errors } = await ask(url, loginQuery, { input: { email, password: 'Tres-secret-42' } });
    expect(errors[0]?.extensions['code']).toBe('UNAUTHENTICATED');
  }
});

it('an e-mail address is one account in every form', async () => {
  const domain = `${randomUUID()}.bücher.example`;
  const forms = [
    `Ada@${domain}`,
    `ada@${domain.replace('bücher', 'XN--BCHER-KVA')}`,
    `ａｄａ＠${domain.normalize('NFD')}`,
  ];
  const input = { name: 'Ada', password };
  expect((await ask(url, registerQuery, { input: { ...input, email: forms[1] } })).data.register.user.email).toBe(
    `ada@${domain}`,
  );
  for (const email of forms) {
    expect((await ask(url, loginQuery, { input: { email, password } })).errors).toEqual([]);
    const { errors } = await ask(url, registerQuery, { input: { ...input, email } });
    expect(errors[0]?.extensions['code']).toBe('CONFLICT');
  }
});

it.each([
  ['Straßenfest', ['STRASSEN', 'strassen', 'Straẞen']],
  ['Σίσυφος', ['ΣΊΣΥΦΟΣ', 'σίσυφοσ', 'Σι\u0301σ']],
  ['Ａｄａｌｉｎｅ', ['adal', 'ＡＤＡＬ']],
  ['İstanbul', ['istan', 'ISTAN', 'İSTAN', 'i\u0307stan', 'ıstan']],
  ['Josée', ['josée', 'JOSE', 'jose\u0301']],
  ['김철수', ['김철', '김처']],
  ['ᎠᎡᎢ', ['ꭰꭱ']],
  ['می\u200Cخواهم', ['میخو', 'می\u200Cخ']],
  ['50%_off', ['50%_', '50％']],
])('%s is found as %j, as a user and as a room', async (name, terms) => {
  await guest(url, name);
  await ada.ask('mutation ($name: String!) { createRoom(input: { name: $name }) { id } }', { name });
  const query =
    'query ($term: String!) { users(search: $term) { nodes { name } } rooms(search: $term) { nodes { name } } }';
  for (const term of terms) {
    const { users, rooms } = await ada.ask(query, { term });
    expect([term, users.nodes, rooms.nodes]).toEqual([
      term,
      ...[users, rooms].map(() => expect.arrayContaining([{ name }])),
    ]);
  }
  const none = await ada.ask(query, { term: name.replace(/.$/su, '%%') });
  expect([none.users.nodes, none.rooms.nodes]).toEqual([[], []]);
});

function ofDevice(field: string, type: string, more: () => object): Use {
  return {
    query: `mutation ($input: ${type}!) { ${field}(input: $input) { token } }`,
    variables: (device) => ({ input: { ...more(), device } }),
    path: 'input.device',
  };
}

/** Returns how the response to a text differs from the rule of its kind; null if it does not. */
async function mismatch(use: Use, kind: TextKind, text: string, caller: Person): Promise<object | null> {
  const { query, variables, path, read, codes = [], otherPath } = use;
  const { data, errors } = await ask(url, query, variables(text), caller.token);
  const [error] = errors;
  const { value, problems } = readText(kind, text, path);
  const field = error?.extensions['fields']?.[0];
  if (error && (codes.includes(error.extensions['code']) || (field && field.path === otherPath))) return null;
  if (error?.extensions['code'] === 'BAD_USER_INPUT' && composed.has(kind) && field?.path === path) return null;
  if (problems.length > 0 && kind !== 'device' && !composed.has(kind))
    return JSON.stringify(field) === JSON.stringify(problems[0]) ? null : { error, problems };
  if (error) return { error };
  return read === undefined || composed.has(kind) || read(data) === value ? null : { stored: read(data), value };
}
