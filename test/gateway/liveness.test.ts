import { describe, expect, it, vi } from 'vitest';
import type { WebSocket } from 'ws';
import type { Connection } from '../../api/gateway/websocket/connection.ts';
import { onDrain, onPong, ping } from '../../api/gateway/websocket/liveness.ts';

/** Creates a connection whose peer reads and responds as the test wants. */
function connect() {
  const outbox = { sent: 0, isBlocked: false };
  const pings: string[] = [];
  const terminate = vi.fn();
  const connection = {
    socket: { terminate, ping: (data: string) => pings.push(data) },
    outbox: { writtenBytes: () => outbox.sent, isBlocked: () => outbox.isBlocked, discard: () => {} },
    cleanups: [],
    running: new Map(),
    silentPings: 0,
    readBytes: 0,
    wasBlocked: false,
  } as unknown as Connection<WebSocket>;
  return {
    outbox,
    terminate,
    ping: () => ping(connection),
    /** Responds to the first ping without a response. */
    pong: () => onPong(connection, Buffer.from(pings.shift() ?? '')),
    sendPong: (data = '') => onPong(connection, Buffer.from(data)),
    drain: () => onDrain(connection),
    /** Pings until the connection is terminated, and returns the number of pings it survived. */
    countSurvived(most = 1_000): number {
      let rounds = 0;
      for (; rounds < most && terminate.mock.calls.length === 0; rounds++) ping(connection);
      return rounds - 1;
    },
  };
}

describe('a peer', () => {
  it('lives while it responds to pings, no matter how much it is sent', () => {
    const peer = connect();
    for (let n = 0; n < 100; n++) {
      peer.ping();
      if (n % 2 === 0) peer.outbox.sent += 10_000;
      peer.pong();
    }
    expect(peer.terminate).not.toHaveBeenCalled();
  });

  it('is dead when the next ping is due and the last one has no response', () => {
    expect(connect().countSurvived()).toBe(1);
  });

  it('is dead although the kernel still accepts data for it', () => {
    const peer = connect();
    peer.ping();
    peer.outbox.sent = 10_000;
    peer.drain();
    expect(peer.countSurvived()).toBe(0);
  });

  it('lives while it reads only 50 kB per second and its pings are queued behind megabytes', () => {
    const peer = connect();
    const perRound = 50_000 * 12;
    peer.outbox.sent = 6_000_000;
    for (let read = 0; read < peer.outbox.sent; read += perRound) peer.ping();
    expect(peer.terminate).not.toHaveBeenCalled();
    for (let n = 0; n < 11; n++) peer.pong();
    expect(peer.countSurvived()).toBe(1);
  });

  it('lives while its queued data keeps draining', () => {
    const peer = connect();
    peer.outbox.sent = 100_000;
    peer.outbox.isBlocked = true;
    for (let n = 0; n < 100; n++) {
      peer.ping();
      peer.drain();
    }
    expect(peer.terminate).not.toHaveBeenCalled();
  });

  it('lives while it sends unsolicited pongs and no data is queued for it', () => {
    const peer = connect();
    for (let n = 0; n < 100; n++) {
      peer.outbox.sent += 1_000_000;
      peer.ping();
      peer.sendPong();
    }
    expect(peer.terminate).not.toHaveBeenCalled();
    expect(peer.countSurvived()).toBe(1);
  });

  it.each([[''], ['nonsense'], ['7000000'], ['-1']])(
    'is dead if its data is stuck and it sends pongs with the payload "%s"',
    (data) => {
      const peer = connect();
      peer.outbox.sent = 6_000_000;
      peer.outbox.isBlocked = true;
      for (let n = 0; n < 100; n++) {
        peer.ping();
        peer.sendPong(data);
      }
      expect(peer.terminate).toHaveBeenCalled();
    },
  );
});
