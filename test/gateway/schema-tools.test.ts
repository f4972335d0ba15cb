import { readFile } from 'node:fs/promises';
import { preset } from '@graphql-codegen/client-preset';
import { codegen } from '@graphql-codegen/core';
import {
  buildClientSchema,
  buildSchema,
  type GraphQLSchema,
  getIntrospectionQuery,
  type IntrospectionOptions,
  type IntrospectionQuery,
  lexicographicSortSchema,
  parse,
  printSchema,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../../schema/index.ts';
import { startGateway } from '../support/gateway.ts';
import { post } from '../support/wire.ts';

/** Options of the introspection query by the tool that sends it. */
const introspections: Record<string, IntrospectionOptions & { name: string }> = {
  Rover: { name: 'GraphIntrospectQuery', inputValueDeprecation: true },
  'graphql-codegen': {
    name: 'IntrospectionQuery',
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    inputValueDeprecation: true,
    oneOf: false,
  },
  'gql.tada': {
    name: 'IntrospectionQuery',
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    inputValueDeprecation: true,
  },
};

describe('tools that read the schema of a running server', () => {
  let url: string;
  beforeAll(async () => {
    const started = await startGateway({ schema });
    ({ url } = started);
    afterAll(() => started.gateway.stop());
  });

  async function introspect({ name, ...options }: IntrospectionOptions & { name: string }): Promise<GraphQLSchema> {
    const query = getIntrospectionQuery(options).replace('query IntrospectionQuery', `query ${name}`);
    const { status, text } = await post(
      url,
      { query, operationName: name, variables: {} },
      { headers: { accept: 'application/json' } },
    );
    expect(status).toBe(200);
    return buildClientSchema((JSON.parse(text) as { data: IntrospectionQuery }).data);
  }

  it.each(Object.entries(introspections))('get all of it by the introspection of %s', async (_tool, options) => {
    const printed = `${printSchema(lexicographicSortSchema(await introspect(options)))}\n`;
    const whole = await readFile('schema/schema.graphql', 'utf8');
    expect(printed).toBe(options.specifiedByUrl ? whole : whole.replace(/ @specifiedBy\(.*\)/, ''));
  });

  it('generate types from `/schema.graphql` and from the introspection alike', async () => {
    const rawSDL = 'query Me { me { id name createdAt } }';
    const generate = async (schemaAst: GraphQLSchema) => {
      const sections = await preset.buildGeneratesSection({
        baseOutputDir: 'gql/',
        schema: parse(printSchema(schemaAst)),
        schemaAst,
        documents: [{ location: 'me.graphql', rawSDL, document: parse(rawSDL) }],
        config: { scalars: { DateTime: 'string', JSON: 'unknown', Upload: 'File' }, strictScalars: true },
        presetConfig: {},
        plugins: [],
        pluginMap: {},
      });
      const section = sections.find(({ filename }) => filename.endsWith('/graphql.ts'));
      return section ? codegen(section) : '';
    };
    const text = await (await fetch(`${url}/schema.graphql`)).text();
    const fromFile = await generate(buildSchema(text));
    expect(fromFile).toContain('MeQuery');
    expect(await generate(lexicographicSortSchema(await introspect(introspections['graphql-codegen'] as never)))).toBe(
      fromFile,
    );
  });
});
