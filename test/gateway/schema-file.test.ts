import { readFile } from 'node:fs/promises';
import { buildSchema } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../schema/index.ts';
import { startGateway } from '../support/gateway.ts';

describe('/schema.graphql', () => {
  it('is the schema of the repository, as a GraphQL document', async () => {
    const { url, gateway } = await startGateway({ schema });
    const response = await fetch(`${url}/schema.graphql`);
    expect(response.headers.get('content-type')).toBe('application/graphql; charset=utf-8');
    expect(response.headers.get('content-encoding')).toBe('gzip');
    const text = await response.text();
    expect(text).toBe(await readFile('schema/schema.graphql', 'utf8'));
    expect(buildSchema(text).getType('DateTime')).toMatchObject({
      specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
    });
    await gateway.stop();
  });

  it('is not sent again to a client that has it', async () => {
    const { url, gateway } = await startGateway();
    const get = (headers: Record<string, string>, method = 'GET') =>
      fetch(`${url}/schema.graphql`, { headers, method });
    const first = await get({});
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]+"$/);
    for (const tags of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await get({ 'if-none-match': tags });
      expect(again).toMatchObject({ status: 304 });
      expect(again.headers.get('etag')).toBe(etag);
      expect(await again.text()).toBe('');
    }
    expect(await get({ 'if-none-match': '"other"' })).toMatchObject({ status: 200 });
    const head = await get({ 'accept-encoding': 'identity' }, 'HEAD');
    expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(await first.text())));
    expect(await get({}, 'POST')).toMatchObject({ status: 405 });
    await gateway.stop();
  });

  it('has conditional requests, ranges and CORS like other content', async () => {
    const { url, gateway } = await startGateway();
    const get = (headers: Record<string, string>) => fetch(`${url}/schema.graphql`, { headers });
    expect(await get({ 'if-match': '"other"' })).toMatchObject({ status: 412 });
    const part = await get({ range: 'bytes=0-4', origin: url });
    expect([part.status, (await part.text()).length]).toEqual([206, 5]);
    expect(part.headers.get('access-control-allow-origin')).toBe(url);
    expect(part.headers.get('vary')).toContain('Origin');
    expect((await get({ origin: 'https://other.example' })).headers.get('access-control-allow-origin')).toBeNull();
    await gateway.stop();
  });

  it('is not served where introspection is off, and says why', async () => {
    const { url, gateway } = await startGateway({ introspection: false });
    const response = await fetch(`${url}/schema.graphql`);
    expect(response.status).toBe(404);
    expect(await response.text()).toContain('INTROSPECTION=on');
    await gateway.stop();
  });
});
