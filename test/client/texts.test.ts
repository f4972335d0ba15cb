import { expect, test } from 'vitest';
import { texts } from '../../client/src/ui/texts.ts';

test.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [999, '999 bytes'],
  [1_000, '1 kB'],
  [1_499, '1 kB'],
  [999_499, '999 kB'],
  [999_500, '1 MB'],
  [1_500_000, '1.5 MB'],
  [999_960_000, '1 GB'],
  [2_147_483_648, '2.1 GB'],
])('%i bytes are shown as %s', (bytes, text) => {
  expect(texts.files.size(bytes)).toBe(text);
});

test('counts of one and of many differ, and thousands are separated', () => {
  expect([0, 1, 2, 1_234].map(texts.rooms.members)).toEqual(['0 members', '1 member', '2 members', '1,234 members']);
  expect([1, 999, 1_000].map(texts.list.unread)).toEqual([
    '1 unread message',
    '999 unread messages',
    '1,000+ unread messages',
  ]);
});
