import { describe, expect, it, vi } from 'vitest';
import type { Connection } from '../../api/gateway/websocket/connection.ts';
import { onDrain, onPong, ping } from '../../api/gateway/websocket/liveness.ts';

/** A connection whose peer reads as the test says. */
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
  } as unknown as Connection;
  return {
    outbox,
    terminate,
    ping: () => ping(connection),
    /** Answers the first ping that has no answer yet. */
    pong: () => onPong(connection, Buffer.from(pings.shift() ?? '')),
    shout: (data = '') => onPong(connection, Buffer.from(data)),
    drain: () => onDrain(connection),
    /** Pings until it is cut off; answers how often. */
    outlives(most = 1_000): number {
      let rounds = 0;
      for (; rounds < most && terminate.mock.calls.length === 0; rounds++) ping(connection);
      return rounds - 1;
    },
  };
}

describe('a peer', () => {
  it('lives for as long as it answers, whatever it is sent meanwhile', () => {
    const peer = connect();
    for (let n = 0; n < 100; n++) {
      peer.ping();
      if (n % 2 === 0) peer.outbox.sent += 10_000;
      peer.pong();
    }
    expect(peer.terminate).not.toHaveBeenCalled();
  });

  it('is dead when a ping comes after one without an answer', () => {
    expect(connect().outlives()).toBe(1);
  });

  it('is not taken for alive because the kernel takes what it is sent', () => {
    const peer = connect();
    peer.ping();
    peer.outbox.sent = 10_000;
    peer.drain();
    expect(peer.outlives()).toBe(0);
  });

  it('lives while it reads as slowly as fifty kilobytes a second, though pings wait behind megabytes', () => {
    const peer = connect();
    const perRound = 50_000 * 12;
    peer.outbox.sent = 6_000_000;
    for (let read = 0; read < peer.outbox.sent; read += perRound) peer.ping();
    expect(peer.terminate).not.toHaveBeenCalled();
    for (let n = 0; n < 11; n++) peer.pong();
    expect(peer.outlives()).toBe(1);
  });

  it('lives while what it is sent goes on leaving', () => {
    const peer = connect();
    peer.outbox.sent = 100_000;
    peer.outbox.isBlocked = true;
    for (let n = 0; n < 100; n++) {
      peer.ping();
      peer.drain();
    }
    expect(peer.terminate).not.toHaveBeenCalled();
  });

  it('lives while it answers in its own words, and nothing waits for it to read', () => {
    const peer = connect();
    for (let n = 0; n < 100; n++) {
      peer.outbox.sent += 1_000_000;
      peer.ping();
      peer.shout();
    }
    expect(peer.terminate).not.toHaveBeenCalled();
    expect(peer.outlives()).toBe(1);
  });

  it.each([[''], ['nonsense'], ['7000000'], ['-1']])('is not alive for what is no answer: "%s"', (data) => {
    const peer = connect();
    peer.outbox.sent = 6_000_000;
    peer.outbox.isBlocked = true;
    for (let n = 0; n < 100; n++) {
      peer.ping();
      peer.shout(data);
    }
    expect(peer.terminate).toHaveBeenCalled();
  });
});
