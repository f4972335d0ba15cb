import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { askLocally, createLocalResponder, socketPath } from '../api/local-socket.ts';

async function openSocket(respond: (request: string) => Promise<string>) {
  const directory = await mkdtemp(join(tmpdir(), 'parley-socket-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = await socketPath(directory, 'operator');
  const responder = createLocalResponder(path, respond);
  await responder.start();
  return { path, responder };
}

test('a stop responds to the requests that are complete, and waits for no others', async () => {
  let goOn = () => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let isAsked = () => {};
  const asked = new Promise<void>((resolve) => {
    isAsked = resolve;
  });
  const { path, responder } = await openSocket(async (request) => {
    isAsked();
    await held;
    return `${request}!`;
  });
  const idle = connect(path);
  await once(idle, 'connect');
  const response = askLocally(path, 'hello');
  await asked;
  const idleClosed = once(idle.resume(), 'close');
  const stopped = responder.stop();
  await idleClosed;
  goOn();
  expect(await response).toBe('hello!');
  await stopped;
  expect(await askLocally(path, 'hello')).toBeNull();
});

test('a request that is too long gets no response', async () => {
  const { path, responder } = await openSocket(async (request) => request);
  expect(await askLocally(path, 'x'.repeat(20_000)).catch(() => '')).toBe('');
  await responder.stop();
});
