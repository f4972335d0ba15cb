import { expect, test } from 'vitest';
import type { Message } from '../../examples/clients/chat.ts';
import { createNewestStates, mergeMessage, pendingMessage } from '../../examples/clients/messages.ts';

const ada = { id: 'u_ada', name: 'Ada' };
const bob = { id: 'u_bob', name: 'Bob' };

function message(id: string, seq: number, fields: Partial<Message> = {}): Message {
  return { id, kind: 'TEXT', clientId: null, seq, position: seq, text: id, author: ada, attachments: [], ...fields };
}

test('a list keeps the newest state of a message, in any order of arrival', () => {
  const edited = message('a', 1, { position: 3, text: 'edited' });
  const lists = [
    [message('a', 1), edited],
    [edited, message('a', 1)],
  ].map((states) => states.reduce<Message[]>(mergeMessage, []));
  expect(lists).toEqual([[edited], [edited]]);
});

test('a message replaces the pending one with its clientId, but not the one of another author', () => {
  const input = { channelId: 'c', clientId: 'k', text: 'hello', attachmentIds: [] };
  const pending = [ada, bob].map((author) => ({ ...pendingMessage(author, input), id: `pending:${author.id}` }));
  const sent = message('a', 1, { clientId: 'k' });
  expect(mergeMessage(pending, sent).map(({ author }) => author)).toEqual([ada, bob]);
});

test('an older state in a later result is replaced by the newest one received, at any depth', () => {
  const newest = createNewestStates();
  const edited = message('a', 1, { position: 3, text: 'edited' });
  newest({ messages: edited });
  const page = { channel: { messages: { nodes: [message('a', 1), message('b', 2)] } } };
  expect(newest(page).channel.messages.nodes).toEqual([edited, message('b', 2)]);
});
