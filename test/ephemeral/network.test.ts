import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { openNetwork } from '../../api/ephemeral/network.ts';

async function openBoth(receive: (socket: Socket) => void) {
  const server = createServer({ allowHalfOpen: true }, receive).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const network = await openNetwork({ port: 0, target: () => (server.address() as AddressInfo).port });
  onTestFinished(async () => {
    await network.stop();
    server.close();
  });
  const open = () => connect({ port: network.port, host: '127.0.0.1', allowHalfOpen: true });
  return { network, open };
}

it('passes a response on, also to a client that has ended its request, after a delay too', async () => {
  const { network, open } = await openBoth((socket) => {
    let request = '';
    socket.on('data', (chunk) => {
      request += chunk;
    });
    socket.on('end', () => socket.end(`got ${request}`));
  });
  expect(await text(open().end('a'))).toBe('got a');
  network.delay(5);
  expect(await text(open().end('b'))).toBe('got b');
});

it('passes everything on that a server has sent before it closes', async () => {
  const { network, open } = await openBoth((socket) => {
    socket.end('bye');
    socket.destroySoon();
  });
  network.delay(20);
  expect(await text(open())).toBe('bye');
});

it('ends a connection whose server is cut, and resets those that it cuts itself', async () => {
  const { network, open } = await openBoth((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.resetAndDestroy());
    socket.write('hello');
  });
  const first = open();
  await once(first, 'data');
  const closed = once(first, 'close');
  first.end('cut');
  await closed;
  const second = open();
  await once(second, 'data');
  network.cut();
  expect((await once(second, 'error'))[0]).toMatchObject({ code: 'ECONNRESET' });
});

it('refuses connections until it accepts them again at the same port, and keeps those that are open', async () => {
  const { network, open } = await openBoth((socket) => socket.pipe(socket));
  const kept = open();
  await once(kept, 'connect');
  kept.write('a');
  await once(kept, 'data');
  network.refuse();
  expect((await once(open(), 'error'))[0]).toMatchObject({ code: 'ECONNREFUSED' });
  kept.write('b');
  expect(String((await once(kept, 'data'))[0])).toBe('b');
  await network.accept();
  expect(await text(open().end('c'))).toBe('c');
  kept.destroy();
});

it('names a port that is taken', async () => {
  const { network } = await openBoth(() => {});
  await expect(openNetwork({ port: network.port, target: () => 0 })).rejects.toThrow(
    `Port ${network.port} cannot be used: choose another one.`,
  );
});
