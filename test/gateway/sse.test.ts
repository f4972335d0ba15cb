import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { openStream, post } from '../support/wire.ts';

let running: Awaited<ReturnType<typeof startGateway>>;
let url: string;

beforeAll(async () => {
  running = await startGateway();
  ({ url } = running);
});
afterAll(() => running.gateway.stop());

it('streams the events of a subscription, then `complete`', async () => {
  const stream = await openStream(url, 'subscription { numbers(upTo: 2) }');
  expect(await stream.next()).toEqual({ event: 'next', data: { data: { numbers: 1 } } });
  expect(await stream.next()).toEqual({ event: 'next', data: { data: { numbers: 2 } } });
  expect(await stream.next()).toEqual({ event: 'complete', data: null });
  expect(await stream.next()).toBeNull();
});

it('ends the subscription when its reader disconnects', async () => {
  const stream = await openStream(url, 'subscription { forever }');
  expect(await stream.next()).toMatchObject({ event: 'next' });
  expect(running.backstage.open).toBe(1);
  stream.abort();
  await vi.waitFor(() => expect(running.backstage.open).toBe(0));
});

it.each([
  ['removed', { code: 'FORBIDDEN' }],
  ['broken', { code: 'INTERNAL_SERVER_ERROR', requestId: expect.any(String) }],
  ['restarted', { code: 'UNAVAILABLE', retryable: true }],
])('ends with the error of its stream: %s', async (field, extensions) => {
  const stream = await openStream(url, `subscription { ${field} }`);
  expect(await stream.next()).toEqual({ event: 'next', data: { data: { [field]: 1 } } });
  expect(await stream.next()).toMatchObject({ event: 'next', data: { errors: [{ extensions }] } });
  expect(await stream.next()).toEqual({ event: 'complete', data: null });
  await vi.waitFor(() => expect(running.backstage.open).toBe(0));
});

it('ends if an event cannot be resolved for the moment, so its client resumes before that event', async () => {
  const stream = await openStream(url, 'subscription { shaky }');
  expect(await stream.next()).toMatchObject({ data: { errors: [{ extensions: { code: 'UNAVAILABLE' } }] } });
  expect(await stream.next()).toEqual({ event: 'complete', data: null });
  await vi.waitFor(() => expect(running.backstage.open).toBe(0));
});

it('keeps the id of the event before one that cannot be resolved for the moment', async () => {
  const stream = await openStream(url, 'subscription { entries }');
  running.backstage.signal();
  const read = await stream.next();
  expect(read?.id).toMatch(/^1/);
  running.backstage.isAway = true;
  running.backstage.signal();
  const failed = await stream.next();
  running.backstage.isAway = false;
  expect(failed).toMatchObject({ data: { errors: [{ extensions: { code: 'UNAVAILABLE' } }] }, id: read?.id });
  expect(await stream.next()).toMatchObject({ event: 'complete', id: read?.id });
});

it('reports immediately why a subscription is refused', async () => {
  const resync = await openStream(url, 'subscription { resync }');
  expect(await resync.next()).toMatchObject({ data: { errors: [{ extensions: { code: 'RESYNC_REQUIRED' } }] } });
  expect(await resync.next()).toMatchObject({ event: 'complete' });
  const anonymous = await openStream(url, 'subscription { mine }');
  expect(await anonymous.next()).toMatchObject({ data: { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] } });
});

it.each([
  ['resync', 409],
  ['mine', 401],
])('has the status of its refusal, if it does not start, as GraphQL response alone: %s', async (field, status) => {
  const query = `subscription { ${field} }`;
  expect((await openStream(url, query)).status).toBe(200);
  const statusAs = async (accept: string) => (await post(url, { query }, { headers: { accept } })).status;
  expect(await statusAs('application/json')).toBe(200);
  expect(await statusAs('application/graphql-response+json')).toBe(status);
});

it('reports an invalid document in a stream, as the protocol of graphql-sse asks', async () => {
  const stream = await openStream(url, 'subscription { nothing }');
  expect(stream.status).toBe(200);
  expect(await stream.next()).toMatchObject({
    data: { errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }] },
  });
  expect(await stream.next()).toMatchObject({ event: 'complete' });
});

it.each(['forever', 'removed'])('shows its viewer as online while it is open: %s', async (field) => {
  const { token, viewer } = running.backstage.auth.signIn();
  const stream = await openStream(url, `subscription { ${field} }`, { token });
  await stream.next();
  if (field === 'forever') expect(running.backstage.connected.get(viewer.userId)).toBe(1);
  if (field === 'forever') stream.abort();
  else await stream.next();
  await vi.waitFor(() => expect(running.backstage.connected.get(viewer.userId)).toBe(0));
});

it.each([
  ['expires', { ttlMs: 2_000 }, () => {}],
  [
    'is revoked',
    {},
    (viewer: Parameters<typeof running.backstage.auth.revoke>[0]) => running.backstage.auth.revoke(viewer),
  ],
])('ends with UNAUTHENTICATED when its token %s', async (_how, options, act) => {
  const { token, viewer } = running.backstage.auth.signIn(options);
  const stream = await openStream(url, 'subscription { mine }', { token });
  expect(await stream.next()).toMatchObject({ data: { data: { mine: 1 } } });
  act(viewer);
  expect(await stream.next()).toMatchObject({ data: { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] } });
  expect(await stream.next()).toMatchObject({ event: 'complete' });
  await vi.waitFor(() => expect(running.backstage.open).toBe(0));
  expect(running.backstage.auth.watched()).toBe(0);
});

it('ends when the server stops, and does not delay the stop', async () => {
  const stopping = await startGateway();
  const stream = await openStream(stopping.url, 'subscription { forever }');
  await stream.next();
  const stopped = stopping.gateway.stop();
  await expect(async () => {
    while (await stream.next());
  }).rejects.toThrow();
  await stopped;
  expect(stopping.backstage.open).toBe(0);
});
