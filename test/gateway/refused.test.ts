import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { createRefusals } from '../../api/gateway/websocket/refused.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A socket whose peer never acknowledges the close frame. */
function createSilentSocket() {
  const socket = Object.assign(new EventEmitter(), { close: vi.fn(), terminate: vi.fn() });
  return { ...socket, emitter: socket, asSocket: socket as unknown as WebSocket };
}

it('a refused socket has a second to read the close frame, then it is cut', () => {
  const refuse = createRefusals();
  const { asSocket, close, terminate } = createSilentSocket();
  refuse(asSocket);
  expect(close).toHaveBeenCalledWith(1013, expect.any(String));
  vi.advanceTimersByTime(999);
  expect(terminate).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(terminate).toHaveBeenCalledOnce();
});

it('above a thousand refused sockets that stay, further ones are cut at once', () => {
  const refuse = createRefusals();
  const [first, ...others] = Array.from({ length: 1_000 }, createSilentSocket);
  for (const one of [first, ...others]) if (one) refuse(one.asSocket);
  const surplus = createSilentSocket();
  refuse(surplus.asSocket);
  expect(surplus.terminate).toHaveBeenCalledOnce();
  expect(surplus.close).not.toHaveBeenCalled();

  first?.emitter.emit('close');
  const next = createSilentSocket();
  refuse(next.asSocket);
  expect(next.close).toHaveBeenCalledOnce();
});
