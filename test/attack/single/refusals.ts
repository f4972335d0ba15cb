import { type Attack, byBody, byFrames, byHeaders, byOperation, byText, toSubscribe } from './requests.ts';

const body = '{"query":"{ __typename }"}';
const posted = `Content-Type: application/json\r\nContent-Length: ${body.length}`;
const subscription = 'subscription ($skip: Boolean!) { match @skip(if: $skip) { id } }';

/** Requests that are wrong in an unusual way: each is refused, without an error in the log. */
export const refusals: readonly Attack[] = [
  byText('an invalid Host', `GET /graphql?query={__typename} HTTP/1.1\r\nHost: a b<>\r\nConnection: close\r\n\r\n`),
  byText(
    'a Host of an invalid port',
    `POST /graphql HTTP/1.1\r\nHost: a:99999\r\n${posted}\r\nConnection: close\r\n\r\n${body}`,
  ),
  byText(
    'Upgrade: h2c',
    `POST /graphql HTTP/1.1\r\nHost: a\r\n${posted}\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n${body}`,
  ),
  byText(
    'a chunk of a wrong size',
    'POST /graphql HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n',
  ),
  byText('two lengths', `POST /graphql HTTP/1.1\r\nHost: a\r\n${posted}\r\nContent-Length: 1\r\n\r\n${body}`),
  byText('bytes that are no HTTP', Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 13, 10, 13, 10])),
  byHeaders('an escape of no letter', '/files/%E0%A4%A'),
  byHeaders('a null byte in a path', '/files/%00'),
  byHeaders('a path out of the directory', '/..%2f..%2f..%2fetc/passwd'),
  byBody('an empty body', ''),
  byBody('a body that is not JSON', '{"query":'),
  byBody(
    'bytes that are not UTF-8',
    Buffer.from([...Buffer.from('{"query":"'), 0xff, 0xfe, 0xc0, ...Buffer.from('"}')]),
  ),
  ...byOperation('an empty query', ''),
  ...byOperation('a query without an operation', 'fragment a on Query { __typename }'),
  byBody('a query that is a number', { query: 1 }),
  byBody('variables that are a list', { query: '{ __typename }', variables: [1] }),
  byBody(
    'variables named __proto__',
    '{"query":"query ($a: Int) { __typename }","variables":{"__proto__":{"a":1},"constructor":1}}',
  ),
  byBody('[null]', [null]),
  byBody('[]', []),
  byBody('[[[]]]', [[[]]]),
  byBody('null', null),
  byBody('@skip at the root of a subscription', { query: subscription, variables: { skip: true } }, undefined, {
    Accept: 'text/event-stream',
  }),
  byFrames('@skip at the root of a subscription, WebSocket', [
    toSubscribe({ query: subscription, variables: { skip: true } }),
  ]),
  byBody('a refused subscription', { query: 'subscription { channels { id } }' }, undefined, {
    Accept: 'text/event-stream',
  }),
  byFrames('an object as authorization', [], { authorization: { a: 1 } }),
  byFrames('a list as token', [], { token: [1] }),
  byFrames('a payload that is a text', [], 'text'),
  byFrames('a message that is not JSON', ['{']),
  byFrames('a message that is null', ['null']),
  byFrames('a message of bytes', [Buffer.from([0xff, 0xfe, 0])]),
  byFrames('a message without payload', ['{"type":"subscribe","id":"1"}']),
  byFrames('an id that is an object', ['{"type":"subscribe","id":{},"payload":{"query":"{ __typename }"}}']),
  byFrames('an operation id twice', [
    toSubscribe({ query: 'subscription { match { id } }' }),
    toSubscribe({ query: 'subscription { match { id } }' }),
  ]),
];
