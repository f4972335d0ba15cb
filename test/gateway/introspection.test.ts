import { getIntrospectionQuery } from 'graphql';
import { describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { execute, openSocket } from '../support/wire.ts';

describe('with introspection off', () => {
  it('queries of the schema are refused over HTTP and WebSockets, and `__typename` is allowed', async () => {
    const { url, gateway } = await startGateway({ introspection: false });
    for (const query of [getIntrospectionQuery(), '{ __type(name: "Query") { name } }']) {
      const refused = {
        message: expect.stringContaining('INTROSPECTION'),
        extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
      };
      expect((await execute(url, query)).errors?.[0]).toMatchObject(refused);
      const socket = await openSocket(url);
      socket.subscribe('1', query);
      const { type, payload } = await socket.next();
      expect(type).toBe('error');
      expect((payload as unknown as object[])[0]).toMatchObject({ message: refused.message });
      socket.socket.terminate();
    }
    expect(await execute(url, '{ __typename }')).toMatchObject({ data: { __typename: 'Query' } });
    await gateway.stop();
  });

  it('messages suggest no names of the schema', async () => {
    const messageOf = async (introspection: boolean) => {
      const { url, gateway } = await startGateway({ introspection });
      const message = (await execute(url, '{ helo }')).errors?.[0]?.message;
      await gateway.stop();
      return message;
    };
    expect(await messageOf(true)).toContain('Did you mean "hello"?');
    expect(await messageOf(false)).toBe('Cannot query field "helo" on type "Query".');
  });
});
