import { randomBytes } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { type GraphQLResponse, guest, type Person } from '../support/client.ts';
import { postBody, postForm, roomOf, storedFiles, upload, uploadQuery } from '../support/upload.ts';

const maxBytes = 2_000_000;
let app: Awaited<ReturnType<typeof startApp>>;
let url: string;
let ada: Person;
let adaChannelId: string;
let eveChannelId: string;

beforeAll(async () => {
  app = await startApp({ MAX_UPLOAD_BYTES: String(maxBytes) });
  url = app.url;
  ada = await guest(url, 'Ada');
  adaChannelId = await roomOf(url, ada.token);
  const eve = await guest(url, 'Eve');
  eveChannelId = (await eve.ask('mutation { createRoom(input: { name: "Den" }) { id } }')).createRoom.id;
  return app.stop;
});
let before: string[];
beforeEach(async () => {
  before = (await storedFiles(app.directory)).sort();
});

const expectNoNewFiles = () =>
  vi.waitFor(async () => expect((await storedFiles(app.directory)).sort()).toEqual(before));
const bearer = () => ({ authorization: `Bearer ${ada.token}` });
const codesOf = ({ errors }: GraphQLResponse) => errors.map(({ path, extensions }) => [path?.[0], extensions['code']]);

const anyUpload = JSON.stringify({ query: uploadQuery, variables: { file: null } });
const one = () => JSON.stringify({ query: uploadQuery, variables: { file: null, channelId: adaChannelId } });
const map = '{"0":["variables.file"]}';

/** Builds the body of a form as it is sent, with the given headers for each part. */
function bodyOf(parts: readonly (readonly [headers: string, value: string | Buffer])[], end = '\r\n--b--\r\n'): Buffer {
  const written = parts.flatMap(([headers, value]) => ['\r\n--b\r\n', headers, '\r\n\r\n', value]);
  return Buffer.concat([...written, end].map((part) => Buffer.from(part))).subarray(2);
}
const field = (name: string, value: string) => [`Content-Disposition: form-data; name="${name}"`, value] as const;
const file = (name: string, value: string | Buffer, filename = 'a') =>
  [`Content-Disposition: form-data; name="${name}"; filename="${filename}"`, value] as const;
const send = (body: Buffer) => postBody(url, body, bearer());

describe('a malformed form', () => {
  it.each([
    ['a control character in a header name', Buffer.from('--b\r\n\x01: x\r\n\r\nhello\r\n--b--\r\n')],
    [
      'a control character in a file name',
      bodyOf([field('operations', anyUpload), field('map', map), file('0', 'x', 'a\x00b')]),
    ],
    ['headers without an end', Buffer.from(`--b\r\n${'x'.repeat(100_000)}`)],
    ['an empty body', Buffer.from('')],
    ['only the final boundary', Buffer.from('--b--\r\n')],
  ])('is rejected, and the server keeps working: %s', async (_, body) => {
    const { errors } = await send(body);
    expect(['BAD_REQUEST', 'BAD_USER_INPUT']).toContain(errors[0]?.extensions['code']);
    expect((await ada.ask('{ me { name } }')).me.name).toBe('Ada');
  });

  it('without an end is a client error that asks to send it again, and logs nothing', async () => {
    const response = await send(
      bodyOf([field('operations', one()), field('map', map), file('0', randomBytes(50_000))], ''),
    );
    expect(codesOf(response)).toEqual([['upload', 'BAD_USER_INPUT']]);
    expect(response.errors[0]?.message).toContain('send it again');
    expect(app.logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
    await expectNoNewFiles();
  });

  it('never crashes the server, wherever a valid one was changed', async () => {
    const valid = bodyOf([field('operations', one()), field('map', map), file('0', 'Hello')]);
    for (let n = 0; n < valid.length; n += 3) {
      const body = Buffer.from(valid);
      body[n] = [0, 1, 10, 13, 34, 45, 255][n % 7] as number;
      expect((await send(body)).status).toBeLessThan(500);
      expect((await send(valid.subarray(0, n))).status).toBeLessThan(500);
    }
    expect((await ada.ask('{ me { name } }')).me.name).toBe('Ada');
  });
});

describe('a map', () => {
  const two = JSON.stringify({ query: uploadQuery, variables: { a: null, file: null } });

  it.each([
    ['into another of its files', '{"0":["variables.a"],"1":["variables.a.resolve"]}'],
    ['into the same of its files', '{"0":["variables.a","variables.a.promise"]}'],
    ['of an inherited name', '{"__proto__":["variables.file"],"0":["variables.file.constructor"]}'],
  ])('is rejected if it leads %s', async (_, paths) => {
    const response = await send(
      bodyOf([field('operations', two), field('map', paths), file('0', 'x'), file('1', 'y')]),
    );
    expect([response.status, response.errors[0]?.extensions['code']]).toEqual([400, 'BAD_REQUEST']);
  });

  it('may use any name for a file', async () => {
    const paths = '{"__proto__":["variables.file"]}';
    const response = await send(bodyOf([field('operations', one()), field('map', paths), file('__proto__', 'x')]));
    expect(response.data.upload.byteSize).toBe(1);
  });
});

describe('a form that strays from the specification', () => {
  const usual = () => [field('operations', one()), field('map', map), file('0', 'x')] as const;
  const form = (operations: string, paths: string) =>
    bodyOf([field('operations', operations), field('map', paths), file('0', 'x'), file('1', 'y')]);

  it.each([
    ['the map comes first', () => bodyOf([usual()[1], usual()[0], usual()[2]]), /Misordered/],
    ['the file comes first', () => bodyOf([usual()[2], usual()[0], usual()[1]]), /Misordered/],
    ['there is no map', () => bodyOf([usual()[0]]), /Missing multipart field 'map'/],
    ['there is nothing', () => bodyOf([]), /must be a form with the parts/],
    ['lines end without CR', () => Buffer.from(String(bodyOf(usual())).replaceAll('\r', '')), /must be a form/],
    ['operations is not JSON', () => form('{', map), /Invalid JSON in the 'operations'/],
    ['operations is null', () => form('null', map), /Invalid type for the 'operations'/],
    ['operations has no variables', () => form(JSON.stringify({ query: uploadQuery }), map), /Invalid object path/],
    ['variables is a text', () => form(JSON.stringify({ query: uploadQuery, variables: 'x' }), map), /must be a form/],
    ['the map is not JSON', () => form(one(), '{'), /Invalid JSON in the 'map'/],
    ['the map is a list', () => form(one(), '[["variables.file"]]'), /Invalid type for the 'map'/],
    ['a path is no list', () => form(one(), '{"0":"variables.file"}'), /Invalid type for the 'map'/],
    ['a path is a number', () => form(one(), '{"0":[5]}'), /Invalid type for the 'map'/],
    ['a path has brackets', () => form(one(), '{"0":["variables.files[0]"]}'), /must name a variable/],
    ['a path leads to the query', () => form(one(), '{"0":["query"]}'), /must name a variable/],
    ['a path leads past the batch', () => form(`[${one()}]`, '{"0":["5.variables.file"]}'), /Invalid object path/],
    ['a variable has two files', () => form(one(), '{"0":["variables.file"],"1":["variables.file"]}'), /one file/],
  ])('is refused clearly: %s', async (_, body, message) => {
    const response = await send(body());
    expect([response.status, codesOf(response)]).toEqual([400, [[undefined, 'BAD_REQUEST']]]);
    expect(response.errors[0]?.message).toMatch(message);
  });

  it.each([
    'multipart/form-data; boundary="b"',
    'Multipart/Form-Data; Boundary=b',
    'multipart/form-data; charset=utf-8; boundary=b',
  ])('has its boundary in any form: %s', async (type) => {
    expect((await postBody(url, bodyOf(usual()), { ...bearer(), 'content-type': type })).data.upload.byteSize).toBe(1);
  });

  it.each(['multipart/form-data', 'multipart/form-data; boundary=', 'multipart/form-data; boundary=""'])(
    'must have a boundary: %s',
    async (type) => {
      const response = await postBody(url, bodyOf(usual()), { ...bearer(), 'content-type': type });
      expect([response.status, response.errors[0]?.message]).toEqual([400, expect.stringContaining('boundary')]);
    },
  );

  it.each([
    ["filename*=UTF-8''na%C3%AFve.txt", 'naïve.txt'],
    [`filename="x.txt"; filename*=UTF-8''na%C3%AFve.txt`, 'naïve.txt'],
    ['filename="naïve ☕.txt"', 'naïve ☕.txt'],
    ['filename=a.txt', 'a.txt'],
    ['filename="a\\"b.txt"', 'a_b.txt'],
  ])('may name its file in any form: %s', async (disposition, filename) => {
    const part = [`Content-Disposition: form-data; name="0"; ${disposition}`, 'x'] as const;
    const body = bodyOf([field('operations', one()), field('map', map), part]);
    expect((await send(body)).data.upload.filename).toBe(filename);
  });

  it('may have a preamble and an epilogue', async () => {
    const body = Buffer.concat([Buffer.from('preamble\r\n'), bodyOf(usual()), Buffer.from('epilogue\r\n')]);
    expect((await send(body)).data.upload.byteSize).toBe(1);
  });
});

describe('parts above the limits', () => {
  it('are rejected: fields', async () => {
    const junk = [field('x', '1'), field('y', '2')];
    const response = await send(bodyOf([...junk, field('operations', one()), field('map', map), file('0', 'x')]));
    expect([response.status, response.errors[0]?.extensions]).toMatchObject([413, { code: 'TOO_LARGE', limit: 2 }]);
  });

  it.each([11, 1_000])('are rejected: %i files', async (count) => {
    const others = Array.from({ length: count - 1 }, (_, n) => file(`x${n}`, 'x'));
    const response = await send(bodyOf([field('operations', one()), field('map', map), ...others, file('0', 'x')]));
    expect(response.errors[0]?.extensions).toMatchObject({ code: 'TOO_LARGE', limit: 10 });
    await expectNoNewFiles();
  });

  it('are rejected: bytes, even if they arrive at once', async () => {
    const small = await startApp({ MAX_UPLOAD_BYTES: '1000' });
    try {
      const cora = await guest(small.url, 'Cora');
      const { errors } = await upload(small.url, cora.token, { bytes: randomBytes(1_001) });
      expect(errors[0]?.extensions).toMatchObject({ code: 'TOO_LARGE', limit: 1_000 });
      expect((await upload(small.url, cora.token, { bytes: randomBytes(1_000) })).errors).toEqual([]);
    } finally {
      await small.stop();
    }
  });
});

describe('several files of one request', () => {
  const query = `mutation ($a: Upload!, $b: Upload!, $to: ID!, $own: ID!) {
    a: upload(file: $a, channelId: $to) { byteSize } b: upload(file: $b, channelId: $own) { byteSize }
  }`;
  const big = () => new Blob([randomBytes(1_000_000)]);

  async function ask(parts: readonly (readonly [string, Blob])[], channelId?: string): Promise<GraphQLResponse> {
    const own = await roomOf(url, ada.token);
    const to = channelId ?? own;
    const form = new FormData();
    form.append('operations', JSON.stringify({ query, variables: { a: null, b: null, to, own } }));
    form.append('map', '{"a":["variables.a"],"b":["variables.b"]}');
    for (const [name, blob] of parts) form.append(name, blob);
    return postForm(url, form, bearer());
  }

  const mutation = () =>
    [
      ['a', big()],
      ['b', big()],
    ] as const;

  it('are stored one after another', async () => {
    expect((await ask(mutation())).data).toEqual({ a: { byteSize: 1_000_000 }, b: { byteSize: 1_000_000 } });
  });

  it('do not wait for a file that is rejected before it is read', async () => {
    const response = await ask(mutation(), eveChannelId);
    expect(codesOf(response)).toEqual([['a', 'FORBIDDEN']]);
    expect(response.data.b).toEqual({ byteSize: 1_000_000 });
  });

  it('do not wait for an unread file before them', async () => {
    const response = await ask([...mutation()].reverse());
    expect(response.data.a).toEqual({ byteSize: 1_000_000 });
    expect(codesOf(response)).toEqual([['b', 'BAD_USER_INPUT']]);
    expect(response.errors[0]?.message).toContain('order');
  });

  it('may have any order if they are small', async () => {
    const response = await ask([
      ['b', new Blob(['1'])],
      ['a', new Blob(['22'])],
    ]);
    expect(response.data).toEqual({ a: { byteSize: 2 }, b: { byteSize: 1 } });
  });

  it('fail one by one if one is too large or another is missing', async () => {
    const huge = new Blob([randomBytes(maxBytes + 1_000_000)]);
    expect(codesOf(await ask([['a', huge]]))).toEqual([
      ['a', 'TOO_LARGE'],
      ['b', 'BAD_USER_INPUT'],
    ]);
    const response = await ask([
      ['a', huge],
      ['b', big()],
    ]);
    expect(codesOf(response)).toEqual([['a', 'TOO_LARGE']]);
    expect(response.data.b).toEqual({ byteSize: 1_000_000 });
  });

  it('are read by concurrent operations', async () => {
    const channelId = await roomOf(url, ada.token);
    const operation = { query: uploadQuery, variables: { file: null, channelId } };
    const form = new FormData();
    form.append('operations', JSON.stringify([operation, operation]));
    form.append('map', '{"0":["1.variables.file"],"1":["0.variables.file"]}');
    for (const name of ['0', '1']) form.append(name, big());
    const response = await fetch(`${url}/graphql`, { method: 'POST', body: form, headers: bearer() });
    const results = (await response.json()) as GraphQLResponse[];
    expect(results.map(({ data }) => data.upload.byteSize)).toEqual([1_000_000, 1_000_000]);
  });
});

it('a subscription must not be a multipart request', async () => {
  const query = 'subscription { channels { id } }';
  for (const accept of ['application/json', 'text/event-stream']) {
    const form = bodyOf([field('operations', JSON.stringify({ query })), field('map', '{}')]);
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      body: form as BodyInit,
      headers: { ...bearer(), accept, 'content-type': 'multipart/form-data; boundary=b' },
    });
    expect(await response.text()).toContain('cannot be sent as a multipart request');
  }
});
