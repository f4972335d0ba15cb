import { post } from '../../support/wire.ts';
import { openFrom } from '../wire.ts';
import type { Operation } from './operations.ts';

/** Operation with its place in the run. */
export interface Numbered extends Operation {
  index: number;
}

/** Sends operations as one request over HTTP. Returns the text of each response, or of the whole one if it is not a batch. */
export async function sendBatch(
  url: string,
  operations: readonly Numbered[],
  token: string | undefined,
): Promise<string[]> {
  const bodies = operations.map(({ query, variables }) => ({ query, variables }));
  const { status, text } = await post(url, bodies, token === undefined ? {} : { token });
  if (status >= 500) throw new Error(`status ${status}: ${text}`);
  const responses = JSON.parse(text) as unknown;
  return Array.isArray(responses) ? responses.map((one) => JSON.stringify(one)) : [text];
}

/**
 * Sends operations over one WebSocket, one after another. A subscription stays open while the next ones run.
 * @param onFrame called with each result and the operation that it belongs to
 */
export async function sendOverSocket(
  url: string,
  operations: readonly Numbered[],
  token: string | undefined,
  onFrame: (operation: Numbered, text: string) => void,
): Promise<void> {
  const byId = new Map(operations.map((one) => [String(one.index), one]));
  const socket = openFrom(url, '127.0.0.1');
  const [acknowledged, open] = [createGate(), new Map<string, () => void>()];
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {});
  socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: token ? { token } : {} })));
  socket.on('message', (data) => {
    const text = String(data);
    const { type, id = '' } = JSON.parse(text) as { type: string; id?: string };
    if (type === 'connection_ack') acknowledged.resolve();
    const operation = byId.get(id);
    if (operation) onFrame(operation, text);
    if (type === 'complete' || type === 'error' || id.startsWith('probe')) open.get(id)?.();
  });
  await Promise.race([acknowledged.promise, closed]);
  for (const { index, kind, query, variables } of operations) {
    const ids = kind === 'subscription' ? [String(index), `probe${index}`] : [String(index)];
    const waited = ids.at(-1) ?? '';
    const ended = new Promise<void>((resolve) => open.set(waited, resolve));
    socket.send(JSON.stringify({ type: 'subscribe', id: ids[0], payload: { query, variables } }));
    if (ids.length > 1)
      socket.send(JSON.stringify({ type: 'subscribe', id: waited, payload: { query: '{ __typename }' } }));
    await Promise.race([ended, closed]);
  }
  socket.terminate();
}

function createGate(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((pass) => {
    resolve = pass;
  });
  return { promise, resolve };
}
