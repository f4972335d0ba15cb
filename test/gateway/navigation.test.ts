import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { isNavigation } from '../../api/gateway/http/navigation.ts';
import { startGateway } from '../support/gateway.ts';
import type { Result } from '../support/wire.ts';

const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8';

it.each([
  ['a browser', { accept: browser }, true],
  ['a browser on a secure origin', { accept: browser, 'sec-fetch-dest': 'document' }, true],
  ['a browser that loads a frame', { accept: browser, 'sec-fetch-dest': 'iframe' }, false],
  ['a script that asks for HTML', { accept: 'text/html', 'sec-fetch-dest': 'empty' }, false],
  ['curl', { accept: '*/*' }, false],
  ['no header', {}, false],
  ['fetch', { accept: 'application/json' }, false],
  ['jQuery', { accept: 'application/json, text/html; q=0.5, */*; q=0.01' }, false],
  ['JSON first', { accept: 'application/json, text/html' }, false],
  ['HTML first', { accept: 'TEXT/HTML, application/json' }, true],
  ['HTML with the greater weight', { accept: 'application/json;q=0.5, text/html;q=0.9' }, true],
  ['HTML that is not acceptable', { accept: 'text/html;q=0, */*' }, false],
  ['a stream', { accept: 'text/event-stream' }, false],
])('%s is told from other clients', (_, headers, expected) => {
  expect(isNavigation(headers)).toBe(expected);
});

describe('over HTTP', () => {
  let url: string;
  let off: string;
  let clientDir: string;
  beforeAll(async () => {
    clientDir = await mkdtemp(join(tmpdir(), 'parley-client-'));
    await writeFile(join(clientDir, 'index.html'), '<!doctype html><title>Parley</title>');
    const on = await startGateway({ clientDir });
    const without = await startGateway({ clientDir, graphiql: false });
    url = on.url;
    off = without.url;
    return async () => {
      await on.gateway.stop();
      await without.gateway.stop();
      await rm(clientDir, { recursive: true });
    };
  });

  const query = `?query=${encodeURIComponent('{ __typename }')}`;
  const mutation = `?query=${encodeURIComponent('mutation { echo }')}`;
  const titleOf = async (response: Response) => /<title>(.*?)<\/title>/.exec(await response.text())?.[1];

  it.each(['', '?', query, mutation, '?query=', '/', `/${query}`, '?variables={}'])(
    'a browser at /graphql%s gets GraphiQL',
    async (rest) => {
      const response = await fetch(`${url}/graphql${rest}`, { headers: { accept: browser } });
      expect(await titleOf(response)).toContain('GraphiQL');
      expect([response.status, response.headers.get('vary')]).toEqual([
        200,
        'Origin, Accept, Sec-Fetch-Dest, Accept-Encoding',
      ]);
    },
  );

  it('HEAD of a browser gets the headers of GraphiQL', async () => {
    const response = await fetch(`${url}/graphql`, { method: 'HEAD', headers: { accept: browser } });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  });

  it('a program at /graphql?query= gets data, which caches keep apart from the page', async () => {
    const headers = [{ accept: '*/*' }, { accept: browser, 'sec-fetch-dest': 'empty' }];
    for (const given of headers) {
      const response = await fetch(`${url}/graphql${query}`, { headers: given as Record<string, string> });
      expect(response.headers.get('vary')).toContain('Sec-Fetch-Dest');
      expect(await response.json()).toEqual({ data: { __typename: 'Query' } });
    }
  });

  it('without GraphiQL a browser gets the data of an operation, and a hint without one', async () => {
    const headers = { accept: browser };
    expect(await (await fetch(`${off}/graphql${query}`, { headers })).json()).toEqual({
      data: { __typename: 'Query' },
    });
    for (const search of ['documentId=a', 'variables={}&doc_id=a']) {
      const { errors } = (await (await fetch(`${off}/graphql?${search}`, { headers })).json()) as Result;
      expect(errors).toMatchObject([{ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }]);
    }
    for (const search of ['', '?', '?subquery=a']) {
      const response = await fetch(`${off}/graphql${search}`, { headers });
      expect([response.status, await response.text()]).toEqual([404, expect.stringContaining('GRAPHIQL=on')]);
    }
  });

  it.each(['/graphql/', '/GRAPHQL', '/GraphQL/'])('%s is the API as well', async (path) => {
    const body = JSON.stringify({ query: '{ __typename }' });
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(await response.json()).toEqual({ data: { __typename: 'Query' } });
  });

  it('a WebSocket may be opened at /graphql/', async () => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql/`, 'graphql-transport-ws');
    await once(socket, 'open');
    socket.terminate();
  });

  it.each(['/healthz', '/api/graphql', '/rooms', '/graphqlx'])(
    'a program at %s gets 404, and a browser the web client',
    async (path) => {
      const response = await fetch(`${url}${path}`);
      expect([response.status, await response.text()]).toEqual([404, 'Not found. The API is at /graphql.\n']);
      expect(await titleOf(await fetch(`${url}${path}`, { headers: { accept: browser } }))).toBe('Parley');
    },
  );

  it.each(['/favicon.png', '/assets/missing.js', '/.env'])('a browser at %s gets 404', async (path) => {
    expect((await fetch(`${url}${path}`, { headers: { accept: browser } })).status).toBe(404);
  });

  it.each(['/', '/index.html'])('every client gets the page at %s', async (path) => {
    expect(await titleOf(await fetch(`${url}${path}`))).toBe('Parley');
  });
});
