import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { guardChild } from '../support/services/guard.ts';
import type { ForeignClient, ForeignEvents, Result } from './foreign-chat.ts';

/** Close code: the server refused the token. */
const tokenRefused = 4403;

/**
 * Starts an agent: a program that reads orders as lines, fields between tabs (`post ID TOKEN OPERATION`, `upload ID TOKEN
 * OPERATION PATH`, `follow ID TOKEN OPERATION`, `stop ID`), and writes lines `ID KIND TEXT`. Kinds: `result` (a response),
 * `failed`, `message` (of graphql-transport-ws), `event` (a result) and `closed` (a close code).
 */
export function startAgent(program: string, args: readonly string[]): ForeignClient {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  guardChild(child);
  const receivers = new Map<string, (kind: string, text: string) => void>();
  let lastId = 0;
  createInterface(child.stdout).on('line', (line) => {
    const [id = '', kind = '', ...texts] = line.split('\t');
    receivers.get(id)?.(kind, texts.join('\t'));
  });

  child.once('exit', (code) => {
    for (const receive of receivers.values()) receive('failed', `The agent ended with ${code}.`);
  });

  return {
    post: (operation, token) => ask('post', token, operation),
    upload: (operation, token, path) => ask('upload', token, operation, path),
    follow(operation, token, events) {
      const id = String(++lastId);
      receivers.set(id, (kind, text) => receive(events, kind, text));
      order('follow', id, token, operation);
      return () => {
        receivers.delete(id);
        order('stop', id);
      };
    },
    dispose: () => void child.kill(),
  };

  function ask(verb: string, token: string, ...fields: string[]): Promise<Result> {
    const id = String(++lastId);
    return new Promise((resolve, reject) => {
      receivers.set(id, (kind, text) => {
        receivers.delete(id);
        if (kind === 'result') resolve(JSON.parse(text) as Result);
        else reject(new Error(text));
      });
      order(verb, id, token, ...fields);
    });
  }

  function order(...fields: string[]): void {
    child.stdin.write(`${fields.join('\t')}\n`);
  }
}

function receive({ next, end }: ForeignEvents, kind: string, text: string): void {
  if (kind === 'failed') end(false);
  else if (kind === 'closed') end(Number(text) === tokenRefused);
  else if (kind === 'event') next(JSON.parse(text) as Result);
  else receiveMessage({ next, end }, JSON.parse(text) as { type: string; payload: unknown });
}

function receiveMessage({ next, end }: ForeignEvents, message: { type: string; payload: unknown }): void {
  if (message.type === 'next') next(message.payload as Result);
  else if (message.type === 'error') next({ errors: message.payload as NonNullable<Result['errors']> });
  else end(false);
}
