import { type ExecutionResult, parse } from 'graphql';
import { createSchema } from 'graphql-yoga';
import { expect, test, vi } from 'vitest';
import { subscribe } from '../../api/gateway/graphql/subscribe.ts';
import type { LimitTime } from '../../api/gateway/graphql/time-limit.ts';
import type { LiveSource, Positioned } from '../../api/live/live-source.ts';
import { createLiveStream } from '../../api/live/live-stream.ts';
import { generateStream, type Stream } from '../../api/live/stream.ts';
import { createTestAudiences } from '../support/audiences.ts';

const limitTime: LimitTime = async (args, run) => run(args);

/** Subscribes as over HTTP to a source whose executions wait for the test. */
async function setUp() {
  const items: Positioned[] = [{ position: 1 }];
  const replaced = new Set<number>();
  const source: LiveSource<Positioned> = {
    channelId: 'room',
    kind: 'entry',
    last: () => items.length,
    since: (position) => ({ entries: items.slice(position), through: items.length, more: false }),
    read: () => Promise.reject(new Error('all of them are held')),
    version: () => replaced.size,
    current: (some) => some.filter(({ position }) => !replaced.has(position)),
    listen: () => () => {},
  };
  const waiting: (() => void)[] = [];
  const schema = createSchema({
    typeDefs: 'type Query { none: Int } type Subscription { item: Int! }',
    resolvers: {
      Subscription: {
        item: {
          subscribe: () => createLiveStream(source, { position: 0, judge: () => null }, () => {}),
          resolve: ({ position }: Positioned) =>
            new Promise<number>((resolve) => waiting.push(() => resolve(position))),
        },
      },
    },
  });
  const contextValue = { domain: {}, viewer: null, address: '127.0.0.1' };
  const args = { schema, document: parse('subscription { item }'), contextValue };
  const stream = await subscribe(args, { audiences: createTestAudiences(), limitTime });
  if (!('next' in stream)) throw new Error('it is not a stream');
  const replace = (position: number) => {
    replaced.add(position);
    items.push({ position: items.length + 1 });
  };
  const begun = () => vi.waitFor(() => expect(waiting).toHaveLength(1));
  const finish = () => waiting.shift()?.();
  return { stream, replace, begun, finish };
}

test('an item that is replaced while it is executed is left out, and its later state follows', async () => {
  const { stream, replace, begun, finish } = await setUp();
  const next = stream.next();
  await begun();
  replace(1);
  finish();
  await begun();
  finish();
  expect(await next).toEqual({ done: false, value: { data: { item: 2 } } });
  await stream.return();
});

test('an item is executed again if another one, which it may quote, is replaced meanwhile', async () => {
  const { stream, replace, begun, finish } = await setUp();
  const next = stream.next();
  await begun();
  replace(2);
  finish();
  await begun();
  finish();
  expect(await next).toEqual({ done: false, value: { data: { item: 1 } } });
  await stream.return();
});

test('subscriptions without a live source cost points of their client, and give them back when they end', async () => {
  const ended: number[] = [];
  let opened = 0;
  const open = () => {
    const n = ++opened;
    return generateStream(
      async function* () {},
      () => void ended.push(n),
    );
  };
  const schema = createSchema({
    typeDefs: 'type Query { none: Int } type Subscription { list: Int! }',
    resolvers: { Subscription: { list: { subscribe: open } } },
  });
  const bounds = { perClientAndSource: 0, perClient: 40, perSource: 0, node: 0 };
  const audiences = createTestAudiences({ bounds });
  const follow = (address: string) => {
    const contextValue = { domain: {}, viewer: null, address };
    const args = { schema, document: parse('subscription { list }'), contextValue };
    return subscribe(args, { audiences, limitTime }) as Promise<Stream<ExecutionResult>>;
  };
  const [first] = [await follow('10.0.0.1'), await follow('10.0.0.1')];
  await expect(follow('10.0.0.1')).rejects.toMatchObject({ extensions: { code: 'RATE_LIMITED' } });
  expect(ended).toEqual([3]);
  await follow('10.0.0.2');
  await first?.return();
  await follow('10.0.0.1');
});
