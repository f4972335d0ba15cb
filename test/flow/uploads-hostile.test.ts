import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { type GraphQLResponse, guest, type Person } from '../support/client.ts';
import { postForm, roomOf, storedFiles, type TestFile, upload, uploadQuery } from '../support/upload.ts';

const maxBytes = 200_000;
let url: string;
let directory: string;
let ada: Person;
let before: string[];

beforeAll(async () => {
  const app = await startApp({ MAX_UPLOAD_BYTES: String(maxBytes), MAX_USER_FILES_BYTES: '1000000' });
  ({ url, directory } = app);
  return app.stop;
});
beforeEach(async () => {
  ada = await guest(url, 'Ada');
  before = (await storedFiles(directory)).sort();
});
afterEach(async () => {
  expect((await ada.ask('{ me { name } }')).me.name).toBe('Ada');
});

const expectNoNewFiles = () => vi.waitFor(async () => expect((await storedFiles(directory)).sort()).toEqual(before));
const codeOf = ({ errors }: GraphQLResponse) => errors[0]?.extensions['code'];
const bearer = () => ({ authorization: `Bearer ${ada.token}` });
const send = (file: TestFile) => upload(url, ada.token, file);

/** Builds a form with the parts in this order. */
function formOf(parts: readonly (readonly [name: string, value: string | Blob])[]): FormData {
  const form = new FormData();
  for (const [name, value] of parts) form.append(name, value);
  return form;
}

const operations = JSON.stringify({ query: uploadQuery, variables: { file: null } });
const map = JSON.stringify({ 0: ['variables.file'] });
const file = new Blob(['Hello']);

describe('a file that is too large', () => {
  it('is rejected while it is received, with the limit, and leaves nothing behind', async () => {
    const { status, errors } = await send({ bytes: randomBytes(maxBytes + 1) });
    expect(status).toBe(200);
    expect(errors).toMatchObject([{ path: ['upload'], extensions: { code: 'TOO_LARGE', limit: maxBytes } }]);
    await expectNoNewFiles();
    expect((await send({ bytes: randomBytes(maxBytes) })).errors).toEqual([]);
  });

  it('for any multipart request is rejected before it is read', async () => {
    const response = await send({ bytes: randomBytes(maxBytes * 20) });
    expect([response.status, codeOf(response)]).toEqual([413, 'TOO_LARGE']);
    await expectNoNewFiles();
  });

  it('for the rest of the user’s quota is rejected', async () => {
    for (let n = 0; n < 5; n++) expect((await send({ bytes: randomBytes(maxBytes) })).errors).toEqual([]);
    before = (await storedFiles(directory)).sort();
    const response = await send({ bytes: randomBytes(maxBytes) });
    expect(codeOf(response)).toBe('CONFLICT');
    await expectNoNewFiles();
  });
});

describe('an invalid request', () => {
  it.each<[string, readonly (readonly [string, string | Blob])[], string]>([
    [
      'has its map first',
      [
        ['map', map],
        ['operations', operations],
        ['0', file],
      ],
      'BAD_REQUEST',
    ],
    [
      'has its file first',
      [
        ['0', file],
        ['operations', operations],
        ['map', map],
      ],
      'BAD_REQUEST',
    ],
    ['has no map', [['operations', operations]], 'BAD_REQUEST'],
    [
      'has no operations',
      [
        ['map', map],
        ['0', file],
      ],
      'BAD_REQUEST',
    ],
    [
      'has invalid JSON',
      [
        ['operations', '{'],
        ['map', map],
        ['0', file],
      ],
      'BAD_REQUEST',
    ],
    [
      'has a map that is a list',
      [
        ['operations', operations],
        ['map', '[]'],
        ['0', file],
      ],
      'BAD_REQUEST',
    ],
    [
      'has a map to a missing value',
      [
        ['operations', operations],
        ['map', '{"0":["variables.a.b"]}'],
        ['0', file],
      ],
      'BAD_REQUEST',
    ],
    [
      'maps into a prototype',
      [
        ['operations', operations],
        ['map', '{"0":["variables.__proto__.x"]}'],
        ['0', file],
      ],
      'BAD_REQUEST',
    ],
    [
      'maps into an inherited property',
      [
        ['operations', operations],
        ['map', '{"0":["variables.toString.call"]}'],
        ['0', file],
      ],
      'BAD_REQUEST',
    ],
    [
      'maps to a prototype',
      [
        ['operations', operations],
        ['map', '{"0":["__proto__"]}'],
        ['0', file],
      ],
      'BAD_REQUEST',
    ],
    [
      'maps over its query',
      [
        ['operations', operations],
        ['map', '{"0":["query"]}'],
        ['0', file],
      ],
      'BAD_REQUEST',
    ],
    [
      'has no file',
      [
        ['operations', operations],
        ['map', map],
      ],
      'BAD_USER_INPUT',
    ],
    [
      'has too many files',
      [
        ['operations', operations],
        ['map', JSON.stringify(Object.fromEntries(Array.from({ length: 11 }, (_, n) => [n, ['variables.file']])))],
      ],
      'TOO_LARGE',
    ],
    [
      'has a field that is too long',
      [['operations', JSON.stringify({ query: uploadQuery, padding: 'x'.repeat(200_000) })]],
      'TOO_LARGE',
    ],
  ])('gets a clear error if it %s', async (_, parts, code) => {
    const response = await postForm(url, formOf(parts), bearer());
    expect(codeOf(response)).toBe(code);
    expect(Object.prototype.toString.call([])).toBe('[object Array]');
    await expectNoNewFiles();
  });

  it('needs a header that pages of other origins cannot send', async () => {
    const form = () =>
      formOf([
        ['operations', operations],
        ['map', map],
        ['0', file],
      ]);
    const response = await postForm(url, form());
    expect([response.status, codeOf(response)]).toEqual([400, 'BAD_REQUEST']);
    expect(response.errors[0]?.message).toContain('Apollo-Require-Preflight');
    for (const name of ['Apollo-Require-Preflight', 'GraphQL-Require-Preflight']) {
      expect(codeOf(await postForm(url, form(), { [name]: 'true' }))).toBe('UNAUTHENTICATED');
    }
    await expectNoNewFiles();
  });

  it('cannot use one file twice', async () => {
    const query = `mutation ($a: Upload!, $b: Upload!, $to: ID!) {
      a: upload(file: $a, channelId: $to) { id } b: upload(file: $b, channelId: $to) { id }
    }`;
    const to = await roomOf(url, ada.token);
    const both = JSON.stringify({ query, variables: { a: null, b: null, to } });
    const response = await postForm(
      url,
      formOf([
        ['operations', both],
        ['map', '{"0":["variables.a","variables.b"]}'],
        ['0', file],
      ]),
      bearer(),
    );
    expect(response.errors.map(({ path, extensions }) => [path, extensions['code']])).toEqual([
      [['b'], 'BAD_USER_INPUT'],
    ]);
    expect(response.errors[0]?.message).toContain('send it once for each field');
    expect(response.data.a.id).toEqual(expect.any(String));
  });

  it('cannot pass a string as a file', async () => {
    const code = await ada.codeOf('mutation ($file: Upload!) { upload(file: $file) { id } }', { file: 'words' });
    expect(code).toBe('BAD_USER_INPUT');
    expect(await ada.codeOf('mutation { upload(file: "words") { id } }')).toBe('GRAPHQL_VALIDATION_FAILED');
  });

  it('whose file is not read to its end still gets a response', async () => {
    const form = formOf([
      ['operations', JSON.stringify({ query: '{ limits { uploadBytes } }', variables: { file: null } })],
      ['map', map],
      ['0', new Blob([randomBytes(maxBytes)])],
    ]);
    expect((await postForm(url, form, bearer())).data).toEqual({ limits: { uploadBytes: maxBytes } });
    const form2 = formOf([
      ['operations', JSON.stringify({ query: uploadQuery, variables: { file: null, channelId: 'nowhere' } })],
      ['map', map],
      ['0', new Blob([randomBytes(maxBytes)])],
    ]);
    expect(codeOf(await postForm(url, form2, bearer()))).toBe('NOT_FOUND');
    await expectNoNewFiles();
  });

  it('that is interrupted at any point leaves nothing behind', async () => {
    const { hostname, port } = new URL(url);
    const channelId = await roomOf(url, ada.token);
    const operations = JSON.stringify({ query: uploadQuery, variables: { file: null, channelId } });
    const head = (length: number) =>
      `POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ada.token}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${length}\r\n\r\n`;
    const body = `--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n${operations}\r\n--b\r\nContent-Disposition: form-data; name="map"\r\n\r\n${map}\r\n--b\r\nContent-Disposition: form-data; name="0"; filename="a"\r\n\r\n`;
    for (const part of [20, body.length - 30, body.length, body.length + 50_000]) {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => {});
      const bytes = Buffer.concat([Buffer.from(body), randomBytes(100_000)]);
      socket.write(head(bytes.length + 1_000));
      await new Promise<void>((resolve) => socket.write(bytes.subarray(0, part), () => resolve()));
      // The server has read this part once it has responded to a later request.
      await ada.ask('{ me { name } }');
      socket.destroy();
    }
    await expectNoNewFiles();
  });
});

describe('a misleading file', () => {
  it.each([
    ['an HTML page', '<!DOCTYPE html><html><script>alert(1)</script></html>', 'page.html', 'image/png'],
    [
      'an SVG with a script',
      '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
      'a.svg',
      'image/svg+xml',
    ],
    [
      'XML',
      '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>',
      'a.png',
      'image/png',
    ],
    ['a script', 'alert(document.cookie)', 'a.js', 'text/javascript'],
    ['PDF', '%PDF-1.4\n1 0 obj << /S /JavaScript /JS (app.alert(1)) >>', 'a.pdf', 'application/pdf'],
  ])('never runs in a browser: %s', async (_, bytes, filename, type) => {
    const { data, errors } = await send({ bytes, filename, type });
    expect(errors).toEqual([]);
    const response = await fetch(`${url}${data.upload.url}`);
    const shownAs = response.headers.get('content-type') ?? '';
    expect(['application/octet-stream', 'text/plain; charset=utf-8']).toContain(shownAs);
    if (!shownAs.startsWith('text/plain')) expect(response.headers.get('content-disposition')).toMatch(/^attachment/);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('content-security-policy')).toContain('sandbox');
    expect(await response.text()).toBe(bytes);
  });

  it.each([
    ['an HTML page', '<!DOCTYPE html><script>alert(1)</script>'],
    ['an archive', 'PK\x05\x06'.padEnd(22, '\0')],
    ['a script', '*/=1;alert(1)//'],
  ])('that is also a picture is served as a picture only: %s', async (_, more) => {
    for (const format of ['jpeg', 'png', 'gif', 'webp'] as const) {
      const shown = sharp({ create: { width: 30, height: 20, channels: 3, background: 'teal' } });
      const bytes = Buffer.concat([await shown.toFormat(format).toBuffer(), Buffer.from(more, 'latin1')]);
      const { data, errors } = await send({ bytes, filename: 'a.html', type: 'text/html' });
      expect(errors).toEqual([]);
      const response = await fetch(`${url}${data.upload.url}`);
      expect(response.headers.get('content-type')).toBe(`image/${format}`);
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      expect(response.headers.get('content-security-policy')).toContain('sandbox');
      const decoded = await sharp(Buffer.from(await response.arrayBuffer())).metadata();
      expect([decoded.format, decoded.width, decoded.height]).toEqual([format, 30, 20]);
    }
  });

  it.each<[string, () => Buffer]>([
    ['a picture that is also a script', () => Buffer.from('GIF89a/*\x01\x00\x01\x00*/=1;alert(1)//', 'latin1')],
    ['a truncated picture', () => png(400, 400).subarray(0, 400)],
    ['a picture with more pixels than fit into memory', () => png(60_000, 60_000)],
    ['the first bytes of a picture', () => Buffer.from([0xff, 0xd8, 0xff, 0xe0])],
  ])('is rejected: %s', async (_, make) => {
    const { errors } = await send({ bytes: make(), filename: 'a.png', type: 'image/png' });
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', fields: [{ path: 'file' }] } }]);
    await expectNoNewFiles();
  });

  it.each([
    ['../../../etc/passwd', 'passwd'],
    ['C:\\Windows\\system.ini', 'system.ini'],
    ['a\u202Egnp.exe', 'agnp.exe'],
    ['a\tb  c.txt', 'a b c.txt'],
    ['..', 'file'],
    [' ', 'file'],
    [`${'x'.repeat(10_000)}.tar.gz`, `${'x'.repeat(237)}.gz`],
    ['<img src=x onerror=alert(1)>.png', '_img src=x onerror=alert(1)_.png'],
    ['naïve ☃.txt', 'naïve ☃.txt'],
  ])('gets a name that is safe to display: %j', async (filename, shown) => {
    const { data, errors } = await send({ bytes: 'x', filename });
    expect(errors).toEqual([]);
    expect(data.upload.filename).toBe(shown);
    const response = await fetch(`${url}${data.upload.url}`);
    expect(await response.text()).toBe('x');
  });
});

it('a thousand tiny files are stored as a thousand files', async () => {
  for (let n = 0; n < 1_000; n += 50) {
    const some = Array.from({ length: 50 }, (_, k) => send({ bytes: `${n + k}` }));
    for (const { errors } of await Promise.all(some)) expect(errors).toEqual([]);
  }
  expect((await storedFiles(directory)).length).toBe(before.length + 1_000);
});

/** Builds a PNG with the given size in its header that has only the first rows. */
function png(width: number, height: number): Buffer {
  const chunk = (name: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const size = Buffer.alloc(13);
  size.writeUInt32BE(width, 0);
  size.writeUInt32BE(height, 4);
  size.set([8, 0, 0, 0, 0], 8);
  const rows = Buffer.concat(
    Array.from({ length: Math.min(height, 400) }, () =>
      Buffer.concat([Buffer.alloc(1), width > 400 ? Buffer.alloc(width) : randomBytes(width)]),
    ),
  );
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', size),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
