import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { decodeEvent, encodeEvent, NewerWireError, wireVersion, wireVersionOf } from '../api/event-records.ts';
import type { EventOf } from '../api/events.ts';

const ids = { channelId: randomUUID(), actorId: randomUUID(), eventId: randomUUID(), messageId: randomUUID() };
const at = new Date(0).toISOString();
const file = { id: randomUUID(), filename: 'a.txt', mimetype: 'text/plain', byteSize: 1, width: null, height: null };

function sent(change: Partial<EventOf<'MessageSent'>> = {}): EventOf<'MessageSent'> {
  return {
    ...{ type: 'MessageSent', ...ids, gatewayId: 'g', at, clientId: 'c', text: 'Hi', replyToId: null, attachments: [] },
    ...{ data: null, mentionIds: [], mentionsAll: false },
    ...change,
  };
}

test('a record names the lowest version that holds all of its event', () => {
  expect(wireVersionOf(encodeEvent(sent()))).toBe(1);
  expect(wireVersionOf(encodeEvent(sent({ attachments: [file] })))).toBe(2);
  expect(wireVersionOf(encodeEvent(sent({ attachments: [file], data: '{}' })))).toBe(3);
  const edited = { ...{ type: 'MessageEdited' as const, ...ids, gatewayId: 'g', at }, text: null, revision: 0 };
  expect(wireVersionOf(encodeEvent({ ...edited, text: 'Hi' }))).toBe(1);
  expect(wireVersionOf(encodeEvent({ ...edited, text: 'Hi', ifPosition: 0 }))).toBe(3);
  expect(wireVersionOf(encodeEvent({ ...edited, mentions: { ids: [] } }))).toBe(3);
  expect(wireVersionOf(encodeEvent({ ...edited, data: { json: null } }))).toBe(3);
});

test('an event is the same after it was encoded and decoded', () => {
  const event = sent({ attachments: [file] });
  expect(decodeEvent(encodeEvent(event))).toEqual(event);
});

test('a record of a newer version, or of none, is refused', () => {
  const record = encodeEvent(sent());
  const withVersion = (version: string) => ({ ...record, headers: { 'parley-wire': version } });
  expect(() => decodeEvent(withVersion(String(wireVersion + 1)))).toThrow(NewerWireError);
  expect(() => decodeEvent(withVersion(''))).toThrow('no readable parley-wire header');
});
