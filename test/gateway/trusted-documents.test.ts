import { createHash } from 'node:crypto';
import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDocuments } from '../../api/gateway/graphql/documents.ts';
import { createTrustedDocuments, readManifest } from '../../api/gateway/graphql/trusted-documents.ts';
import { createMemoryState } from '../../api/infra/state/memory.ts';
import { startGateway } from '../support/gateway.ts';
import { openSocket, post } from '../support/wire.ts';

const greet = 'query Greet { hello(name: "Ada") }';
const numbers = 'subscription Numbers {\n  numbers(upTo: 1)\n}';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const manifests = {
  'graphql-codegen': JSON.stringify({ [`sha256:${'0'.repeat(64)}`]: greet, [`sha256:${'1'.repeat(64)}`]: numbers }),
  Apollo: JSON.stringify({
    format: 'apollo-persisted-query-manifest',
    version: 1,
    operations: [
      { id: 'greet-1', name: 'Greet', type: 'query', body: greet },
      { id: 'numbers-1', name: 'Numbers', type: 'subscription', body: numbers },
    ],
  }),
  Relay: JSON.stringify({ '5d41402abc4b2a76b9719d911017c592': greet, '7d793037a0760186574b0282f2f435e7': numbers }),
};

const start = (json: string, isTrustedOnly: boolean) => {
  const trusted = createTrustedDocuments([readManifest(json)]);
  const { persistedQueries } = createMemoryState();
  return startGateway({ documents: createDocuments({ trusted, isTrustedOnly, persistedQueries }) });
};

/** Ways in which clients name a document. */
const naming: ((id: string) => object)[] = [
  (id) => ({ extensions: { persistedQuery: { version: 1, sha256Hash: id } } }),
  (documentId) => ({ documentId }),
  (id) => ({ documentId: `sha256:${id}` }),
  (docId) => ({ doc_id: docId }),
];

describe.each(Object.entries(manifests))('the documents of a manifest of %s', (_tool, json) => {
  const [greetId = '', numbersId = ''] = [...readManifest(json).keys()];

  it.each([false, true])('run by their ids over both transports, alone: %s', async (isTrustedOnly) => {
    const { url, gateway } = await start(json, isTrustedOnly);
    const data = { hello: 'Hello Ada' };
    for (const name of naming) {
      for (const id of [greetId, sha256(greet)]) expect((await post(url, name(id))).json()).toEqual({ data });
      expect((await post(url, [name(greetId), name(greetId)])).json()).toEqual([{ data }, { data }]);
      const socket = await openSocket(url);
      socket.send({ id: '1', type: 'subscribe', payload: name(numbersId) });
      expect(await socket.next()).toMatchObject({ type: 'next', payload: { data: { numbers: 1 } } });
      socket.socket.terminate();
    }
    const headers = { 'apollo-require-preflight': '1' };
    const byGet = await fetch(`${url}/graphql?documentId=${greetId}&variables={}`, { headers });
    expect(await byGet.json()).toEqual({ data });
    await gateway.stop();
  });
});

describe('with trusted documents only', () => {
  let url: string;
  beforeAll(async () => {
    const started = await start(manifests.Apollo, true);
    ({ url } = started);
    afterAll(() => started.gateway.stop());
  });

  const forbidden = { message: expect.stringContaining('TRUSTED_DOCUMENTS'), extensions: { code: 'FORBIDDEN' } };

  it.each([
    ['text', { query: '{ hello }' }],
    ['id', { documentId: 'another' }],
    ['hash', { extensions: { persistedQuery: { version: 1, sha256Hash: sha256('{ hello }') } } }],
    [
      'text with its hash',
      { query: '{ hello }', extensions: { persistedQuery: { version: 1, sha256Hash: sha256('{ hello }') } } },
    ],
    ['introspection', { query: getIntrospectionQuery() }],
    ['syntax error', { query: '{' }],
  ])('any other %s is refused over both transports and in batches', async (_name, payload) => {
    expect((await post(url, payload)).json()).toMatchObject({ errors: [forbidden] });
    expect((await post(url, [payload, { documentId: 'greet-1' }])).json()).toMatchObject([
      { errors: [forbidden] },
      { data: { hello: 'Hello Ada' } },
    ]);
    const socket = await openSocket(url);
    socket.send({ id: '1', type: 'subscribe', payload });
    expect(await socket.next()).toMatchObject({ id: '1', type: 'error', payload: [forbidden] });
    socket.socket.terminate();
  });

  it('the text of a trusted one runs, however it is formatted', async () => {
    for (const query of [greet, `# Greet\n${greet.replaceAll(' ', '\n  ')}`])
      expect((await post(url, { query })).json()).toEqual({ data: { hello: 'Hello Ada' } });
    expect((await post(url, { query: greet.replace('Ada', 'Bob') })).json()).toMatchObject({ errors: [forbidden] });
  });
});

describe('a manifest', () => {
  it.each([
    ['JSON', '{'],
    ['a list', '["{ hello }"]'],
    ['the operation output of Apollo Kotlin', '{ "a": { "name": "Greet", "source": "{ hello }" } }'],
    ['a later version', '{ "format": "apollo-persisted-query-manifest", "version": 2, "operations": [] }'],
    ['without bodies', '{ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [{ "id": "a" }] }'],
  ])('of another format is refused: %s', (_name, json) => {
    expect(() => readManifest(json)).toThrow(/^must be /);
  });

  it('is refused for a document that cannot run', () => {
    expect(() => readManifest('{ "a": "{" }')).toThrow('"a" is not valid GraphQL');
    expect(() => readManifest(JSON.stringify({ a: `{ hello }${' '.repeat(65_536)}` }))).toThrow(
      '"a" is longer than 65536',
    );
  });

  it('may not give the id of another manifest to another document', () => {
    const create = (...texts: string[]) => createTrustedDocuments(texts.map((text) => new Map([['a', text]])));
    expect(() => create('{ hello }', '{ viewer }')).toThrow('two documents have the id "a"');
    expect(create('{ hello }', '{ hello }').find('a')).toBe('{ hello }');
  });
});
