import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheExchange, createClient, fetchExchange } from '@urql/core';
import { type DocumentNode, Kind } from 'graphql';
import { describe, expect, it, vi } from 'vitest';
import { pipe, subscribe } from 'wonka';
import { readTrustedDocuments } from '../../api/compose/trusted-documents.ts';
import { ConfigError } from '../../api/config.ts';
import { viewerFields } from '../../client/src/accounts/session.ts';
import * as generated from '../../client/src/gql/graphql.ts';
import { createRefresh } from '../../client/src/urql/refresh.ts';
import { createSubscriptionExchange } from '../../client/src/urql/subscription-exchange.ts';
import { schema } from '../../schema/index.ts';
import { createTestLogger } from '../support/logger.ts';

const read = (files: string[], clientDir: string | null = null, logger = createTestLogger()) =>
  readTrustedDocuments({ files, clientDir, schema, logger });

describe('the trusted documents', () => {
  it('of the web client are all texts that it sends', async () => {
    const sent: string[] = [];
    const record = async (_url: unknown, init?: RequestInit) => {
      sent.push(JSON.parse(String(init?.body)).query);
      return new Response('{"data":{}}', { headers: { 'content-type': 'application/json' } });
    };
    const socket = {
      subscribe({ query }: { query: string }, { complete }: { complete(): void }) {
        sent.push(query);
        complete();
        return () => {};
      },
    };
    const exchanges = [cacheExchange, createSubscriptionExchange(socket), fetchExchange];
    const client = createClient({
      url: 'http://test',
      preferGetMethod: false,
      fetch: record as typeof fetch,
      exchanges,
    });
    const operations = (Object.values(generated) as DocumentNode[]).flatMap((document) =>
      document.definitions.flatMap((one) =>
        one.kind === Kind.OPERATION_DEFINITION ? [{ document, kind: one.operation }] : [],
      ),
    );
    for (const { document, kind } of operations) {
      if (kind === 'subscription')
        pipe(
          client.subscription(document, {}),
          subscribe(() => {}),
        );
      else await client[kind](document, {}).toPromise();
    }
    vi.stubGlobal('fetch', record);
    await createRefresh('http://test', viewerFields)('token').catch(() => {});
    vi.unstubAllGlobals();

    expect(sent).toHaveLength(operations.length + 1);
    const trusted = await read([], 'client/public');
    expect(sent.filter((text) => !trusted.has(text))).toEqual([]);
    expect((await read([])).has(sent[0] ?? '')).toBe(false);
  });

  it('are read from several files; one that does not match the schema is logged', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'parley-trusted-'));
    const [good, old] = [join(directory, 'good.json'), join(directory, 'old.json')];
    await writeFile(good, JSON.stringify({ a: '{ me { id } }' }));
    await writeFile(old, JSON.stringify({ b: '{ gone }' }));
    const logger = createTestLogger();
    const trusted = await read([good, old], null, logger);
    expect([trusted.find('a'), trusted.find('b')]).toEqual(['{ me { id } }', '{ gone }']);
    expect(JSON.stringify(logger.lines)).toContain('does not match the schema');
    await rm(directory, { recursive: true });
  });

  it('stop the start with a message that names the setting and the file, if they cannot be read', async () => {
    const reason = await read(['package.json']).catch((error: unknown) => error);
    expect(reason).toBeInstanceOf(ConfigError);
    expect(String(reason)).toMatch(/TRUSTED_DOCUMENTS: package\.json must be persisted-documents\.json/);
    await expect(read(['nowhere.json'])).rejects.toThrow('TRUSTED_DOCUMENTS: nowhere.json cannot be read');
    expect(JSON.parse(await readFile('client/public/trusted-documents.json', 'utf8'))).toBeTypeOf('object');
  });
});
