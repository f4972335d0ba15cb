import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { getIntrospectionQuery } from 'graphql';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { compressText, minCompressedBytes } from '../../api/gateway/http/compress.ts';
import { startGateway } from '../support/gateway.ts';
import { type RawResponse, send } from '../support/raw-http.ts';

let running: Awaited<ReturnType<typeof startGateway>>;
beforeAll(async () => {
  running = await startGateway();
});
afterEach(() => expect(running.backstage.logger.lines.filter(({ level }) => level === 'error')).toEqual([]));
afterAll(() => running.gateway.stop());

/** Query whose response is `{"data":{"hello":"Hello …"}}` with this length. */
const queryOf = (bytes: number) => `{ hello(name: "${'x'.repeat(bytes - '{"data":{"hello":"Hello "}}'.length)}") }`;
const largeQuery = queryOf(3_000);

/** Sends the parameters of an operation, or of a batch, by POST. */
function post(params: unknown, ...headers: string[]): Promise<RawResponse> {
  const body = JSON.stringify(params);
  const own = ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`];
  return send(running.url, { method: 'POST', target: '/graphql', headers: [...own, ...headers], body });
}

/** Returns the text of a response that was read byte by byte. */
function textOf({ headers, body }: RawResponse): string {
  const bytes = Buffer.from(body, 'latin1');
  const coding = headers['content-encoding'];
  return (coding === 'br' ? brotliDecompressSync(bytes) : coding === 'gzip' ? gunzipSync(bytes) : bytes).toString();
}

describe('a large response', () => {
  it.each([
    ['br', 'br'],
    ['gzip', 'gzip'],
    ['gzip, deflate, br', 'br'],
    ['br;q=0.5, gzip;q=0.8', 'gzip'],
    ['br;q=0.1, identity;q=0.5', undefined],
    ['br;q=0, gzip;q=0', undefined],
    ['*', 'br'],
    ['x-gzip', 'gzip'],
    ['deflate, zstd', undefined],
    ['identity;q=0, gzip', 'gzip'],
  ])('to a client that accepts %s is coded as %s', async (accepted, coding) => {
    const response = await post({ query: largeQuery }, `Accept-Encoding: ${accepted}`);
    expect([response.status, response.headers['content-encoding']]).toEqual([200, coding]);
    expect(response.headers['content-length']).toBe(String(response.body.length));
    expect(response.headers['vary']).toContain('Accept-Encoding');
    expect(textOf(response)).toHaveLength(3_000);
    if (coding) expect(response.body.length).toBeLessThan(200);
  });

  it('without Accept-Encoding has no coding, and names the header in Vary', async () => {
    const response = await post({ query: largeQuery });
    expect(response.headers['content-encoding']).toBeUndefined();
    expect(response.headers['vary']).toContain('Accept-Encoding');
    expect(response.body).toHaveLength(3_000);
  });

  it.each(['no-transform', 'max-age=0, No-Transform'])('is as it is for Cache-Control: %s', async (control) => {
    const response = await post({ query: largeQuery }, 'Accept-Encoding: br', `Cache-Control: ${control}`);
    expect([response.headers['content-encoding'], response.body.length]).toEqual([undefined, 3_000]);
  });

  it('is compressed for mutations, batches, errors, introspection and forms', async () => {
    const alias = 'x'.repeat(2_000);
    const results: [unknown, RegExp][] = [
      [{ query: `mutation { ${alias}: touch }` }, /^{"data":{"x+":1}}$/],
      [[{ query: largeQuery }, { query: largeQuery }], /^\[{"data".*},{"data".*}\]$/],
      [{ query: `{ ${alias} }` }, /^{"errors":.*GRAPHQL_VALIDATION_FAILED/],
      [{ query: getIntrospectionQuery() }, /^{"data":{"__schema":/],
    ];
    for (const [params, text] of results) {
      const response = await post(params, 'Accept-Encoding: gzip');
      expect(response.headers['content-encoding']).toBe('gzip');
      expect(textOf(response)).toMatch(text);
    }
    const form = new FormData();
    form.set('operations', JSON.stringify({ query: largeQuery }));
    form.set('map', '{}');
    const headers = { 'apollo-require-preflight': '1', 'accept-encoding': 'br' };
    const response = await fetch(`${running.url}/graphql`, { method: 'POST', body: form, headers });
    expect(response.headers.get('content-encoding')).toBe('br');
    expect(await response.text()).toHaveLength(3_000);
  });

  it('has the same headers by HEAD as by GET', async () => {
    const target = `/graphql?query=${encodeURIComponent(largeQuery)}`;
    const [get, head] = await Promise.all(
      ['GET', 'HEAD'].map((method) => send(running.url, { method, target, headers: ['Accept-Encoding: br'] })),
    );
    const shown = (response: RawResponse | undefined) =>
      ['content-encoding', 'content-length', 'content-type', 'vary'].map((name) => response?.headers[name]);
    expect(shown(head)).toEqual(shown(get));
    expect(shown(get)[0]).toBe('br');
  });

  it('to a client that accepts no coding at all is not made: the operation is refused with 406', async () => {
    const response = await post({ query: largeQuery }, 'Accept-Encoding: identity;q=0');
    expect(response.status).toBe(406);
    expect(JSON.parse(response.body)).toMatchObject({ errors: [{ message: expect.stringContaining('identity') }] });
  });
});

describe('a short response', () => {
  it(`of less than ${minCompressedBytes} bytes has no coding, and names Accept-Encoding in Vary`, async () => {
    const codingOf = async (bytes: number, accepted: string) => {
      const { headers } = await post({ query: queryOf(bytes) }, `Accept-Encoding: ${accepted}`);
      expect(headers['vary']).toContain('Accept-Encoding');
      return headers['content-encoding'];
    };
    expect(await codingOf(minCompressedBytes - 1, 'br, gzip')).toBeUndefined();
    expect(await codingOf(minCompressedBytes, 'br, gzip')).toBe('br');
    expect(await codingOf(100, 'gzip, identity;q=0')).toBe('gzip');
  });
});

describe('a stream', () => {
  it.each(['text/event-stream', 'multipart/mixed;subscriptionSpec=1.0'])('as %s has no coding', async (accept) => {
    const headers = { accept, 'accept-encoding': 'br, gzip', 'content-type': 'application/json' };
    const body = JSON.stringify({ query: 'subscription { numbers(upTo: 400) }' });
    const response = await fetch(`${running.url}/graphql`, { method: 'POST', headers, body });
    expect(response.headers.get('content-encoding')).toBeNull();
    expect(response.headers.get('cache-control')).toContain('no-transform');
    expect((await response.text()).length).toBeGreaterThan(minCompressedBytes);
  });
});

describe('compression', () => {
  const headers = { 'accept-encoding': 'br' };

  it('of an introspection is done once, of other texts each time', async () => {
    const twice = async (text: string) => [
      (await compressText(text, headers, 'a')).body,
      (await compressText(text, headers, 'b')).body,
    ];
    const [first, second] = await twice(`{"data":{"__schema":{"types":"${'x'.repeat(2_000)}"}}}`);
    expect(second).toBe(first);
    const [one, other] = await twice(`{"data":{"hello":"${'x'.repeat(2_000)}"}}`);
    expect(other).not.toBe(one);
    expect(other).toEqual(one);
  });

  it('is left out for a client with too many waiting responses, and not for others', async () => {
    const text = `{"data":"${'x'.repeat(100_000)}"}`;
    const codings = async (count: number, client: string) =>
      (await Promise.all(Array.from({ length: count }, () => compressText(text, headers, client)))).map(
        ({ coding }) => coding,
      );
    const [greedy, modest] = await Promise.all([codings(30, 'greedy'), codings(3, 'modest')]);
    expect(greedy.filter((coding) => coding === 'br')).toHaveLength(12);
    expect(greedy.filter((coding) => coding === 'identity')).toHaveLength(18);
    expect(modest).toEqual(['br', 'br', 'br']);
  });

  it('does not delay a short response behind long ones', async () => {
    const order: string[] = [];
    const long = Array.from({ length: 10 }, () =>
      compressText('x'.repeat(1_000_000), headers, 'a').then(() => order.push('long')),
    );
    await compressText('{}', headers, 'a').then(() => order.push('short'));
    await Promise.all(long);
    expect(order[0]).toBe('short');
  });
});
