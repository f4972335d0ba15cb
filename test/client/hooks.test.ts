import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';
import type { Parley } from '../../client/src/urql/parley.ts';
import {
  ParleyProvider,
  useChannels,
  useMatch,
  useMessages,
  usePending,
  useSend,
} from '../../client/src/urql/react.ts';
import { createValue } from '../../client/src/urql/value.ts';

test('hooks return the present state of the library', () => {
  expect(renderToStaticMarkup(createElement(ParleyProvider, { parley }, createElement(Room)))).toBe(
    '<p>Fruit: a plum (ready), 1 pending, no match, sent as key</p>',
  );
});

test('hooks outside of a provider say how to make one', () => {
  expect(() => renderToStaticMarkup(createElement(Room))).toThrow('`ParleyProvider`');
});

function Room() {
  const [channel] = useChannels();
  const { status, messages, conversation } = useMessages('c');
  const pending = usePending('c');
  const match = useMatch() === null ? 'no match' : 'a match';
  const send = useSend('c');
  expect(conversation).toBe(parley.conversation('c'));
  const texts = messages.map(({ text }) => text).join();
  const sentAs = send({ text: 'a pear' });
  return createElement(
    'p',
    null,
    `${channel?.name}: ${texts} (${status}), ${pending.length} pending, ${match}, sent as ${sentAs}`,
  );
}

const conversation = { ...createValue({ status: 'ready', messages: [{ text: 'a plum' }] }), open: () => () => {} };
const pending = createValue([{ channelId: 'c' }, { channelId: 'other' }]);
const parley = {
  channels: createValue([{ id: 'c', name: 'Fruit' }]),
  conversation: () => conversation,
  match: createValue(null),
  outbox: { ...pending, send: ({ channelId }: { channelId: string }) => (channelId === 'c' ? 'key' : 'wrong') },
} as unknown as Parley;
