import { createSchema } from 'graphql-yoga';
import { beforeEach, describe, expect, test } from 'vitest';
import { generateStream } from '../../api/live/stream.ts';
import type { Context } from '../../schema/context.ts';
import { stopLate } from '../../schema/stop-late.ts';
import { type Backstage, startGateway } from '../support/gateway.ts';
import { createOpening } from '../support/opening.ts';
import { execute, openRaw, openSocket, openStream } from '../support/wire.ts';

const opening = createOpening();
/** Names of the resolvers that have begun. */
let begun: string[];
let release: () => void;
let released: Promise<void>;
let ended: Promise<void>;
let url: string;
let backstage: Backstage;

beforeEach(async () => {
  begun = [];
  released = new Promise((resolve) => {
    release = resolve;
  });
  const started = await startGateway({
    executionTimeoutMs: 50,
    sendTimeoutMs: 60,
    schema: createStuckSchema(),
  });
  opening(started.gateway);
  backstage = started.backstage;
  url = started.url;
});

/** Returns the milliseconds from the arrival of a request to the deadline of its viewer; null without a deadline. */
const leftMs = (_root: unknown, _args: unknown, { viewer, arrivedAt = Number.NaN }: Context) =>
  viewer?.deadline === undefined ? null : Math.round(viewer.deadline - arrivedAt);

function createStuckSchema() {
  const wait = async () => {
    begun.push('stuck');
    await released;
    return {};
  };
  const begin = (name: string) => () => {
    begun.push(name);
    return {};
  };
  let onEnd = () => {};
  ended = new Promise((resolve) => {
    onEnd = resolve;
  });
  const stream = () =>
    generateStream(async function* () {
      yield 1;
      await released;
    }, onEnd);
  return stopLate(
    createSchema({
      typeDefs: `
        type Query { stuck: Thing quick: String leftMs: Float }
        type Mutation { stuck: Thing next: Thing leftMs: Float }
        type Subscription { late: Int stuckEvent: Thing }
        type Thing { thing: Thing leaf: Int }`,
      resolvers: {
        Query: { stuck: wait, quick: () => 'quick', leftMs },
        Mutation: { stuck: wait, next: begin('next'), leftMs },
        Thing: { thing: begin('thing'), leaf: () => 1 },
        Subscription: {
          late: { subscribe: () => wait().then(stream), resolve: () => 1 },
          stuckEvent: { subscribe: stream, resolve: wait },
        },
      },
    }),
  );
}

/** Lets the stuck resolvers go on, and waits until everything that follows from it has happened. */
async function settle(): Promise<void> {
  release();
  expect(await execute(url, '{ quick }')).toEqual({ data: { quick: 'quick' } });
}

const tooLate = {
  message: expect.stringContaining('took longer than 50 ms'),
  extensions: { code: 'UNAVAILABLE', retryable: true },
};

describe('an execution above the time limit fails, and resolvers below it do not begin', () => {
  test('in a query over HTTP', async () => {
    expect(await execute(url, '{ stuck { thing { leaf } } }')).toMatchObject({ errors: [tooLate] });
    await settle();
    expect(begun).toEqual(['stuck']);
  });

  test('in a query over a WebSocket, which stays open', async () => {
    const socket = await openSocket(url);
    socket.subscribe('1', '{ stuck { thing { leaf } } }');
    expect(await socket.next()).toMatchObject({ id: '1', type: 'next', payload: { errors: [tooLate] } });
    expect(await socket.next()).toMatchObject({ id: '1', type: 'complete' });
    await settle();
    expect(begun).toEqual(['stuck']);
    socket.subscribe('2', '{ quick }');
    expect(await socket.next()).toMatchObject({ id: '2', payload: { data: { quick: 'quick' } } });
    socket.socket.terminate();
  });

  test('in a mutation, which says that it may have taken effect', async () => {
    const { errors } = await execute(url, 'mutation { stuck { leaf } next { leaf } }');
    expect(errors).toMatchObject([
      { ...tooLate, message: expect.stringMatching(/longer than 60 ms.*not known yet whether/) },
    ]);
    await settle();
    expect(begun).toEqual(['stuck']);
  });
});

test('a subscription that opens too late is refused, and its stream ended', async () => {
  const socket = await openSocket(url);
  socket.subscribe('1', 'subscription { late }');
  expect((await socket.closed).code).toBe(1013);
  release();
  await ended;
});

test('an event that takes too long ends its stream, so that the client resumes', async () => {
  const stream = await openStream(url, 'subscription { stuckEvent { thing { leaf } } }');
  expect(await stream.next()).toMatchObject({ event: 'next', data: { errors: [tooLate] } });
  await ended;
  await settle();
  expect(begun).toEqual(['stuck']);
  stream.abort();
});

test('the mutations of a request learn its deadline, to change nothing after it; a query has none', async () => {
  const patient = await startGateway({ sendTimeoutMs: 90_000, schema: createStuckSchema() });
  opening(patient.gateway);
  const { url } = patient;
  const { token } = patient.backstage.auth.signIn();
  expect(await execute(url, 'mutation { leftMs again: leftMs }', { token })).toEqual({
    data: { leftMs: 90_000, again: 90_000 },
  });
  expect(await execute(url, '{ leftMs }', { token })).toEqual({ data: { leftMs: null } });
  const socket = await openSocket(url, { authorization: `Bearer ${token}` });
  socket.subscribe('1', 'mutation { leftMs }');
  expect(await socket.next()).toMatchObject({ payload: { data: { leftMs: 90_000 } } });
  socket.socket.terminate();
});

describe('the steps before an execution count too', () => {
  beforeEach(() => {
    backstage.auth.authenticate = () => new Promise(() => {});
  });

  test('an HTTP request whose token cannot be checked in time fails', async () => {
    expect(await execute(url, '{ quick }', { token: 'x' })).toMatchObject({ errors: [tooLate] });
  });

  test('a socket whose token cannot be checked in time is closed, so that its client tries again', async () => {
    const socket = await openRaw(url);
    socket.send({ type: 'connection_init', payload: { authorization: 'Bearer x' } });
    expect((await socket.closed).code).toBe(1013);
  });
});
