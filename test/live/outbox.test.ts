import { Duplex } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createOutboxes, type OutboxBounds } from '../../api/live/outbox/outboxes.ts';

afterEach(() => void vi.useRealTimers());

/** A socket whose peer reads when the test says so. */
function createSocket({ reads = true } = {}) {
  const writes: string[] = [];
  const held: (() => void)[] = [];
  const peer = { reads };
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      writes.push(String(chunk));
      if (peer.reads) done();
      else held.push(done);
    },
  });
  const resume = () => {
    peer.reads = true;
    for (const done of held.splice(0)) done();
  };
  return { duplex, writes, resume };
}

function open({ duplex }: ReturnType<typeof createSocket>, bounds: Partial<OutboxBounds> = {}) {
  const outboxes = createOutboxes({
    windowMs: 2,
    socketBytes: 1_000,
    nodeBytes: 10_000,
    onOverflow: () => {},
    ...bounds,
  });
  const listener = { onDrained: vi.fn(), onOverflow: vi.fn() };
  return { outboxes, outbox: outboxes.open(duplex, listener), ...listener };
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const bytes = (text: string) => Buffer.from(text);
const turn = () => new Promise(setImmediate);

describe('an outbox', () => {
  test('lets a lone frame on a quiet socket leave at once', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
    const socket = createSocket();
    const { outbox } = open(socket);
    outbox.add(bytes('one'), 'entry');
    await turn();
    expect(socket.writes).toEqual(['one']);
  });

  test('lets the frames of a window leave in one write', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
    const socket = createSocket();
    const { outbox } = open(socket);
    outbox.add(bytes('one'), 'entry');
    await turn();
    for (const text of ['two', 'three', 'four']) {
      outbox.add(bytes(text), 'entry');
      await turn();
    }
    expect(socket.writes).toEqual(['one']);
    vi.advanceTimersByTime(2);
    expect(socket.writes).toEqual(['one', 'twothreefour']);
  });

  test('keeps one order for everything, and lets answers leave at once', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
    const socket = createSocket();
    const { outbox } = open(socket);
    outbox.add(bytes('1'), 'entry');
    await turn();
    outbox.add(bytes('2'), 'entry');
    void outbox.send(bytes('3'), 'answer');
    outbox.add(bytes('4'), 'signal');
    await turn();
    expect(socket.writes).toEqual(['1', '234']);
  });

  test('tells who waits only when the peer has taken it', async () => {
    const socket = createSocket({ reads: false });
    const { outbox, onDrained } = open(socket);
    const left = vi.fn();
    const sent = outbox.send(bytes('1'), 'backlog')?.then(left);
    await turn();
    await turn();
    expect(left).not.toHaveBeenCalled();
    expect(onDrained).not.toHaveBeenCalled();
    socket.resume();
    await sent;
    expect(onDrained).toHaveBeenCalledOnce();
  });

  test.each(['answer', 'backlog'] as const)(
    'keeps a reader who takes nothing from being sent more: %s',
    async (kind) => {
      const { outbox } = open(createSocket({ reads: false }), { socketBytes: 100_000 });
      const left = vi.fn();
      let sent = 0;
      for (let isWaiting = false; !isWaiting && sent < 100; sent++) {
        const gone = outbox.send(Buffer.alloc(1_000), kind);
        isWaiting = gone !== undefined;
        void gone?.then(left);
        await turn();
      }
      expect(sent).toBe(kind === 'answer' ? 17 : 1);
      expect(left).not.toHaveBeenCalled();
    },
  );

  test('lets answers that follow each other leave in one write', async () => {
    const socket = createSocket();
    const { outbox } = open(socket);
    for (const text of ['next', 'complete']) await outbox.send(bytes(text), 'answer');
    await turn();
    expect(socket.writes).toEqual(['nextcomplete']);
  });

  test('overflows once more than its bound would wait, whoever else there is', async () => {
    const [stalled, healthy] = [createSocket({ reads: false }), createSocket()];
    const { outboxes, outbox, onOverflow } = open(stalled);
    const other = { onDrained: vi.fn(), onOverflow: vi.fn() };
    const second = outboxes.open(healthy.duplex, other);
    for (let n = 0; n < 100; n++) {
      outbox.add(Buffer.alloc(100), 'entry');
      second.add(Buffer.alloc(100), 'entry');
      await turn();
      if (onOverflow.mock.calls.length > 0) break;
    }
    expect(outboxes.queuedBytes()).toBeLessThanOrEqual(2_000);
    expect(onOverflow).toHaveBeenCalledOnce();
    expect(other.onOverflow).not.toHaveBeenCalled();
  });

  test('gives who has read everything a frame of any size', async () => {
    const socket = createSocket();
    const { outbox, onOverflow } = open(socket);
    for (let n = 0; n < 3; n++) {
      outbox.add(Buffer.alloc(5_000), 'entry');
      await turn();
    }
    await vi.waitFor(() => expect(socket.writes).toHaveLength(3));
    expect(onOverflow).not.toHaveBeenCalled();
  });

  test('drops signals before it overflows', async () => {
    const socket = createSocket({ reads: false });
    const { outbox, onOverflow } = open(socket);
    outbox.add(bytes('in the socket'), 'entry');
    await turn();
    outbox.add(bytes('s'.repeat(900)), 'signal');
    outbox.add(bytes('e'.repeat(500)), 'entry');
    outbox.add(bytes('s'.repeat(900)), 'signal');
    expect(onOverflow).not.toHaveBeenCalled();
    socket.resume();
    await turn();
    expect(socket.writes).toEqual(['in the socket', 'e'.repeat(500)]);
  });

  test('never overflows by a backlog', async () => {
    const socket = createSocket({ reads: false });
    const { outbox, onOverflow, outboxes } = open(socket);
    const sent = Promise.all([1, 2, 3].map(() => outbox.send(Buffer.alloc(5_000), 'backlog')));
    await turn();
    expect(outboxes.queuedBytes()).toBe(15_000);
    socket.resume();
    await sent;
    expect(outboxes.queuedBytes()).toBe(0);
    expect(onOverflow).not.toHaveBeenCalled();
  });

  test('hands a large frame over in portions, each when the one before has left, and others after it', async () => {
    const socket = createSocket({ reads: false });
    const { outbox } = open(socket);
    const frame = '0123456789'.repeat(20_000);
    void outbox.send(bytes(frame), 'answer');
    outbox.add(bytes('next'), 'entry');
    await turn();
    expect(socket.writes.map(({ length }) => length)).toEqual([65_536]);
    socket.resume();
    await vi.waitFor(() => expect(socket.writes.join('')).toBe(`${frame}next`));
    expect(Math.max(...socket.writes.map(({ length }) => length))).toBe(65_536);
  });

  test('ends what has begun to leave when it is discarded, so that a close can be understood', async () => {
    const socket = createSocket({ reads: false });
    const { outbox, outboxes } = open(socket);
    const frame = 'x'.repeat(200_000);
    void outbox.send(bytes(frame), 'answer');
    await turn();
    void outbox.send(bytes('forgotten'), 'answer');
    outbox.discard();
    expect(outboxes.queuedBytes()).toBe(0);
    socket.duplex.write('close');
    socket.resume();
    await vi.waitFor(() => expect(socket.writes.join('')).toBe(`${frame}close`));
  });

  test('holds what waits in memory of its own, so that it keeps no more than it counts', async () => {
    const socket = createSocket({ reads: false });
    const { outbox, outboxes } = open(socket, { socketBytes: 100_000, nodeBytes: 100_000 });
    outbox.add(bytes('in the socket'), 'entry');
    await turn();
    const before = process.memoryUsage().arrayBuffers;
    for (let n = 0; n < 500; n++) {
      const frame = Buffer.allocUnsafe(100).fill('x');
      outbox.add(frame, n % 100 === 0 ? 'signal' : 'entry');
      // What others were sent meanwhile, from the same pool.
      Buffer.allocUnsafe(4_000);
    }
    for (let n = 0; n < 3; n++) {
      collect();
      await turn();
    }
    expect(outboxes.queuedBytes()).toBe(50_013);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200_000);
    socket.resume();
    await vi.waitFor(() => expect(socket.writes.join('')).toHaveLength(50_013));
    expect(outboxes.queuedBytes()).toBe(0);
  });

  test('overflows by answers that nobody takes', async () => {
    const socket = createSocket({ reads: false });
    const { outbox, onOverflow } = open(socket);
    void outbox.send(Buffer.alloc(5_000), 'answer');
    await turn();
    expect(onOverflow).not.toHaveBeenCalled();
    void outbox.send(Buffer.alloc(1), 'answer');
    expect(onOverflow).toHaveBeenCalledOnce();
  });

  test('hands everything over when it ends, and takes no more', async () => {
    const socket = createSocket();
    const { outbox, outboxes } = open(socket);
    outbox.add(bytes('one'), 'entry');
    outbox.add(bytes('two'), 'entry');
    outbox.end();
    outbox.add(bytes('three'), 'entry');
    await outbox.send(bytes('four'), 'answer');
    await turn();
    expect(socket.writes).toEqual(['onetwo']);
    expect(outboxes.queuedBytes()).toBe(0);
  });

  test('forgets what has not left when it is discarded, and keeps nobody waiting', async () => {
    const socket = createSocket({ reads: false });
    const { outbox, outboxes } = open(socket);
    void outbox.send(bytes('in the socket'), 'answer');
    await turn();
    const waiting = outbox.send(bytes('forgotten'), 'answer');
    outbox.discard();
    await waiting;
    socket.resume();
    await turn();
    expect(socket.writes).toEqual(['in the socket']);
    expect(outboxes.queuedBytes()).toBe(0);
  });
});

describe('all outboxes of a node', () => {
  test('lose the fullest first, when together they hold too much', async () => {
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
    await turn();
    for (const { outbox, size } of all) outbox.add(Buffer.alloc(size), 'entry');
    expect(closed).toEqual([]);
    all[2]?.outbox.add(Buffer.alloc(200), 'entry');
    expect(closed).toEqual([1]);
    expect(outboxes.queuedBytes()).toBeLessThanOrEqual(1_000);
  });

  test('lose only those who do not read, whatever these had been handed', async () => {
    const { outboxes, openOne } = openAll({ socketBytes: 10_000, nodeBytes: 10_000 });
    const stalled = [openOne({ reads: false }), openOne({ reads: false })];
    const healthy = [openOne(), openOne(), openOne()];
    for (const { outbox } of stalled) void outbox.send(Buffer.alloc(8_000), 'answer');
    await turn();
    for (let n = 0; n < 5; n++) {
      for (const { outbox } of healthy) outbox.add(Buffer.alloc(100), 'entry');
      await turn();
    }
    expect(healthy.map(({ onOverflow }) => onOverflow.mock.calls)).toEqual([[], [], []]);
    expect(stalled.flatMap(({ onOverflow }) => onOverflow.mock.calls)).toEqual([[true]]);
    await vi.waitFor(() => expect(outboxes.queuedBytes()).toBe(8_000));
  });

  test('lose their signals first', async () => {
    const { outboxes, openOne } = openAll({ socketBytes: 10_000, nodeBytes: 1_000 });
    const all = [openOne({ reads: false }), openOne({ reads: false })];
    for (const { outbox } of all) outbox.add(Buffer.alloc(100), 'entry');
    await turn();
    for (const { outbox } of all) outbox.add(Buffer.alloc(390), 'signal');
    expect(outboxes.queuedBytes()).toBe(980);
    all[0]?.outbox.add(Buffer.alloc(300), 'entry');
    expect(outboxes.queuedBytes()).toBe(500);
    for (const { onOverflow } of all) expect(onOverflow).not.toHaveBeenCalled();
  });
});

/** Outboxes that are discarded when they overflow. */
function openAll(bounds: Pick<OutboxBounds, 'socketBytes' | 'nodeBytes'>) {
  const outboxes = createOutboxes({ windowMs: 2, onOverflow: () => {}, ...bounds });
  const openOne = ({ reads = true } = {}) => {
    const onOverflow = vi.fn(() => outbox.discard());
    const outbox = outboxes.open(createSocket({ reads }).duplex, { onDrained: () => {}, onOverflow });
    return { outbox, onOverflow };
  };
  return { outboxes, openOne };
}
