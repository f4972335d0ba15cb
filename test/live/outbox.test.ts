import { Duplex } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createOutboxes, type OutboxOptions } from '../../api/live/outbox/outboxes.ts';

afterEach(() => void vi.useRealTimers());

/** A socket whose peer reads at once, or when the test calls `resume`. */
function createSocket({ reads = true } = {}) {
  const writes: string[] = [];
  const waiting: (() => void)[] = [];
  const peer = { reads };
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      writes.push(String(chunk));
      if (peer.reads) done();
      else waiting.push(done);
    },
  });
  const resume = () => {
    peer.reads = true;
    for (const done of waiting.splice(0)) done();
  };
  return { duplex, writes, resume };
}

function open({ duplex }: ReturnType<typeof createSocket>, options: Partial<OutboxOptions> = {}) {
  const outboxes = createOutboxes({
    windowMs: 2,
    socketBytes: 1_000,
    nodeBytes: 10_000,
    onOverflow: () => {},
    ...options,
  });
  const listener = { onDrained: vi.fn(), onOverflow: vi.fn() };
  return { outboxes, outbox: outboxes.open(duplex, listener), ...listener };
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const bytes = (text: string) => Buffer.from(text);
const nextTurn = () => new Promise(setImmediate);

describe('an outbox', () => {
  test('writes a frame at once if the socket was idle', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
    const socket = createSocket();
    const { outbox } = open(socket);
    outbox.add(bytes('one'), 'entry');
    await nextTurn();
    expect(socket.writes).toEqual(['one']);
  });

  test('writes the frames of a window together', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
    const socket = createSocket();
    const { outbox } = open(socket);
    outbox.add(bytes('one'), 'entry');
    await nextTurn();
    for (const text of ['two', 'three', 'four']) {
      outbox.add(bytes(text), 'entry');
      await nextTurn();
    }
    expect(socket.writes).toEqual(['one']);
    vi.advanceTimersByTime(2);
    expect(socket.writes).toEqual(['one', 'twothreefour']);
  });

  test('keeps the order of all frames, and writes responses at once', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
    const socket = createSocket();
    const { outbox } = open(socket);
    outbox.add(bytes('1'), 'entry');
    await nextTurn();
    outbox.add(bytes('2'), 'entry');
    void outbox.send(bytes('3'), 'response');
    outbox.add(bytes('4'), 'signal');
    await nextTurn();
    expect(socket.writes).toEqual(['1', '234']);
  });

  test('resolves a send only after the peer has taken the frames', async () => {
    const socket = createSocket({ reads: false });
    const { outbox, onDrained } = open(socket);
    const flushed = vi.fn();
    const sent = outbox.send(bytes('1'), 'backlog')?.then(flushed);
    await nextTurn();
    await nextTurn();
    expect(flushed).not.toHaveBeenCalled();
    expect(onDrained).not.toHaveBeenCalled();
    socket.resume();
    await sent;
    expect(onDrained).toHaveBeenCalledOnce();
  });

  test.each(['response', 'backlog'] as const)('makes the sender wait if the peer reads nothing: %s', async (kind) => {
    const { outbox } = open(createSocket({ reads: false }), { socketBytes: 100_000 });
    const flushed = vi.fn();
    let sent = 0;
    for (let isWaiting = false; !isWaiting && sent < 100; sent++) {
      const sending = outbox.send(Buffer.alloc(1_000), kind);
      isWaiting = sending !== undefined;
      void sending?.then(flushed);
      await nextTurn();
    }
    expect(sent).toBe(kind === 'response' ? 17 : 1);
    expect(flushed).not.toHaveBeenCalled();
  });

  test('writes consecutive responses together', async () => {
    const socket = createSocket();
    const { outbox } = open(socket);
    for (const text of ['next', 'complete']) await outbox.send(bytes(text), 'response');
    await nextTurn();
    expect(socket.writes).toEqual(['nextcomplete']);
  });

  test('overflows above its limit, and leaves other outboxes alone', async () => {
    const [stalled, healthy] = [createSocket({ reads: false }), createSocket()];
    const { outboxes, outbox, onOverflow } = open(stalled);
    const other = { onDrained: vi.fn(), onOverflow: vi.fn() };
    const second = outboxes.open(healthy.duplex, other);
    for (let n = 0; n < 100; n++) {
      outbox.add(Buffer.alloc(100), 'entry');
      second.add(Buffer.alloc(100), 'entry');
      await nextTurn();
      if (onOverflow.mock.calls.length > 0) break;
    }
    expect(outboxes.queuedBytes()).toBeLessThanOrEqual(2_000);
    expect(onOverflow).toHaveBeenCalledOnce();
    expect(other.onOverflow).not.toHaveBeenCalled();
  });

  test('accepts a frame of any size for a peer that has read everything', async () => {
    const socket = createSocket();
    const { outbox, onOverflow } = open(socket);
    for (let n = 0; n < 3; n++) {
      outbox.add(Buffer.alloc(5_000), 'entry');
      await nextTurn();
    }
    await vi.waitFor(() => expect(socket.writes).toHaveLength(3));
    expect(onOverflow).not.toHaveBeenCalled();
  });

  test('drops signals before it overflows', async () => {
    const socket = createSocket({ reads: false });
    const { outbox, onOverflow } = open(socket);
    outbox.add(bytes('in the socket'), 'entry');
    await nextTurn();
    outbox.add(bytes('s'.repeat(900)), 'signal');
    outbox.add(bytes('e'.repeat(500)), 'entry');
    outbox.add(bytes('s'.repeat(900)), 'signal');
    expect(onOverflow).not.toHaveBeenCalled();
    socket.resume();
    await nextTurn();
    expect(socket.writes).toEqual(['in the socket', 'e'.repeat(500)]);
  });

  test('never overflows because of a backlog', async () => {
    const socket = createSocket({ reads: false });
    const { outbox, onOverflow, outboxes } = open(socket);
    const sent = Promise.all([1, 2, 3].map(() => outbox.send(Buffer.alloc(5_000), 'backlog')));
    await nextTurn();
    expect(outboxes.queuedBytes()).toBe(15_000);
    socket.resume();
    await sent;
    expect(outboxes.queuedBytes()).toBe(0);
    expect(onOverflow).not.toHaveBeenCalled();
  });

  test('splits a large frame into several writes, each after the one before is flushed', async () => {
    const socket = createSocket({ reads: false });
    const { outbox } = open(socket);
    const frame = '0123456789'.repeat(20_000);
    void outbox.send(bytes(frame), 'response');
    outbox.add(bytes('next'), 'entry');
    await nextTurn();
    expect(socket.writes.map(({ length }) => length)).toEqual([65_536]);
    socket.resume();
    await vi.waitFor(() => expect(socket.writes.join('')).toBe(`${frame}next`));
    expect(Math.max(...socket.writes.map(({ length }) => length))).toBe(65_536);
  });

  test('writes the rest of a partly written frame when it is discarded, so that a close frame can follow', async () => {
    const socket = createSocket({ reads: false });
    const { outbox, outboxes } = open(socket);
    const frame = 'x'.repeat(200_000);
    void outbox.send(bytes(frame), 'response');
    await nextTurn();
    void outbox.send(bytes('dropped'), 'response');
    outbox.discard();
    expect(outboxes.queuedBytes()).toBe(0);
    socket.duplex.write('close');
    socket.resume();
    await vi.waitFor(() => expect(socket.writes.join('')).toBe(`${frame}close`));
  });

  test('keeps no more memory alive than it counts', async () => {
    const socket = createSocket({ reads: false });
    const { outbox, outboxes } = open(socket, { socketBytes: 100_000, nodeBytes: 100_000 });
    outbox.add(bytes('in the socket'), 'entry');
    await nextTurn();
    const before = process.memoryUsage().arrayBuffers;
    for (let n = 0; n < 500; n++) {
      const frame = Buffer.allocUnsafe(100).fill('x');
      outbox.add(frame, n % 100 === 0 ? 'signal' : 'entry');
      // Frames of other sockets, from the same pool.
      Buffer.allocUnsafe(4_000);
    }
    for (let n = 0; n < 3; n++) {
      collectGarbage();
      await nextTurn();
    }
    expect(outboxes.queuedBytes()).toBe(50_013);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200_000);
    socket.resume();
    await vi.waitFor(() => expect(socket.writes.join('')).toHaveLength(50_013));
    expect(outboxes.queuedBytes()).toBe(0);
  });

  test('overflows because of responses that the peer does not read', async () => {
    const socket = createSocket({ reads: false });
    const { outbox, onOverflow } = open(socket);
    void outbox.send(Buffer.alloc(5_000), 'response');
    await nextTurn();
    expect(onOverflow).not.toHaveBeenCalled();
    void outbox.send(Buffer.alloc(1), 'response');
    expect(onOverflow).toHaveBeenCalledOnce();
  });

  test('writes everything when it ends, and drops later frames', async () => {
    const socket = createSocket();
    const { outbox, outboxes } = open(socket);
    outbox.add(bytes('one'), 'entry');
    outbox.add(bytes('two'), 'entry');
    outbox.end();
    outbox.add(bytes('three'), 'entry');
    await outbox.send(bytes('four'), 'response');
    await nextTurn();
    expect(socket.writes).toEqual(['onetwo']);
    expect(outboxes.queuedBytes()).toBe(0);
  });

  test('drops queued frames when it is discarded, and resolves their sends', async () => {
    const socket = createSocket({ reads: false });
    const { outbox, outboxes } = open(socket);
    void outbox.send(bytes('in the socket'), 'response');
    await nextTurn();
    const waiting = outbox.send(bytes('dropped'), 'response');
    outbox.discard();
    await waiting;
    socket.resume();
    await nextTurn();
    expect(socket.writes).toEqual(['in the socket']);
    expect(outboxes.queuedBytes()).toBe(0);
  });
});

describe('the outboxes of a node', () => {
  test('overflow above the limit of the node, the fullest first', async () => {
    const outboxes = createOutboxes({ windowMs: 2, socketBytes: 10_000, nodeBytes: 1_000, onOverflow: () => {} });
    const closed: number[] = [];
    const all = [300, 500, 100].map((size, n) => {
      const outbox = outboxes.open(createSocket({ reads: false }).duplex, {
        onDrained: () => {},
        onOverflow() {
          closed.push(n);
          outbox.discard();
        },
      });
      outbox.add(Buffer.alloc(10), 'entry');
      return { outbox, size };
    });
    await nextTurn();
    for (const { outbox, size } of all) outbox.add(Buffer.alloc(size), 'entry');
    expect(closed).toEqual([]);
    all[2]?.outbox.add(Buffer.alloc(200), 'entry');
    expect(closed).toEqual([1]);
    expect(outboxes.queuedBytes()).toBeLessThanOrEqual(1_000);
  });

  test('overflow only if their peer does not read, even if most of their bytes are in flight', async () => {
    const { outboxes, openOne } = openAll({ socketBytes: 10_000, nodeBytes: 10_000 });
    const stalled = [openOne({ reads: false }), openOne({ reads: false })];
    const healthy = [openOne(), openOne(), openOne()];
    for (const { outbox } of stalled) void outbox.send(Buffer.alloc(8_000), 'response');
    await nextTurn();
    for (let n = 0; n < 5; n++) {
      for (const { outbox } of healthy) outbox.add(Buffer.alloc(100), 'entry');
      await nextTurn();
    }
    expect(healthy.map(({ onOverflow }) => onOverflow.mock.calls)).toEqual([[], [], []]);
    expect(stalled.flatMap(({ onOverflow }) => onOverflow.mock.calls)).toEqual([[true]]);
    await vi.waitFor(() => expect(outboxes.queuedBytes()).toBe(8_000));
  });

  test('drop signals before one of them overflows', async () => {
    const { outboxes, openOne } = openAll({ socketBytes: 10_000, nodeBytes: 1_000 });
    const all = [openOne({ reads: false }), openOne({ reads: false })];
    for (const { outbox } of all) outbox.add(Buffer.alloc(100), 'entry');
    await nextTurn();
    for (const { outbox } of all) outbox.add(Buffer.alloc(390), 'signal');
    expect(outboxes.queuedBytes()).toBe(980);
    all[0]?.outbox.add(Buffer.alloc(300), 'entry');
    expect(outboxes.queuedBytes()).toBe(500);
    for (const { onOverflow } of all) expect(onOverflow).not.toHaveBeenCalled();
  });
});

/** Creates outboxes that are discarded when they overflow. */
function openAll(options: Pick<OutboxOptions, 'socketBytes' | 'nodeBytes'>) {
  const outboxes = createOutboxes({ windowMs: 2, onOverflow: () => {}, ...options });
  const openOne = ({ reads = true } = {}) => {
    const onOverflow = vi.fn(() => outbox.discard());
    const outbox = outboxes.open(createSocket({ reads }).duplex, { onDrained: () => {}, onOverflow });
    return { outbox, onOverflow };
  };
  return { outboxes, openOne };
}
