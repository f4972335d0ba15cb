import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ApolloClient, gql as apolloGql, InMemoryCache } from '@apollo/client/core';
import { createClient, fetchExchange } from '@urql/core';
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import { startApp } from '../support/app.ts';
import { type Data, guest, type Person } from '../support/client.ts';

const run = promisify(execFile);
const query = `mutation ($file: Upload!) {
  upload(file: $file) { __typename filename mimetype byteSize width height url thumbnailUrl }
}`;
let url: string;
let ada: Person;
let bytes: Buffer<ArrayBuffer>;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  ada = await guest(url, 'Ada');
  bytes = Buffer.from(
    await sharp({ create: { width: 800, height: 600, channels: 3, background: 'plum' } })
      .png()
      .toBuffer(),
  );
  return app.stop;
});

const clients: Record<string, () => Promise<Data>> = {
  async curl() {
    const directory = await mkdtemp(join(tmpdir(), 'parley-curl-'));
    const path = join(directory, 'plum.png');
    await writeFile(path, bytes);
    const form = [
      `operations=${JSON.stringify({ query, variables: { file: null } })}`,
      'map={"0":["variables.file"]}',
      `0=@${path}`,
    ];
    const args = [
      '-sS',
      `${url}/graphql`,
      '-H',
      `Authorization: Bearer ${ada.token}`,
      ...form.flatMap((field) => ['-F', field]),
    ];
    const { stdout } = await run('curl', args);
    await rm(directory, { recursive: true });
    return JSON.parse(stdout).data.upload;
  },
  async 'Apollo Client with apollo-upload-client'() {
    const headers = { authorization: `Bearer ${ada.token}`, 'Apollo-Require-Preflight': 'true' };
    const link = new UploadHttpLink({ uri: `${url}/graphql`, headers });
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    const file = new File([bytes], 'plum.png');
    const { data } = await client.mutate<Data>({ mutation: apolloGql(query), variables: { file } });
    return data.upload;
  },
  async urql() {
    const fetchOptions = { headers: { authorization: `Bearer ${ada.token}` } };
    const client = createClient({
      url: `${url}/graphql`,
      exchanges: [fetchExchange],
      fetchOptions,
      preferGetMethod: false,
    });
    const file = new File([bytes], 'plum.png');
    const { data, error } = await client.mutation(query, { file }).toPromise();
    if (error) throw error;
    return data.upload;
  },
};

test.each(Object.keys(clients))('uploads the same file and gets the same response: %s', async (name) => {
  const uploaded = await clients[name]?.();
  const { url: path, thumbnailUrl, ...facts } = uploaded;
  expect(facts).toEqual({
    __typename: 'Attachment',
    filename: 'plum.png',
    mimetype: 'image/png',
    byteSize: bytes.length,
    width: 800,
    height: 600,
  });
  const shown = Buffer.from(await (await fetch(`${url}${path}`)).arrayBuffer());
  expect(createHash('sha256').update(shown).digest()).toEqual(createHash('sha256').update(bytes).digest());
  expect((await fetch(`${url}${thumbnailUrl}`)).headers.get('content-type')).toBe('image/webp');
});
