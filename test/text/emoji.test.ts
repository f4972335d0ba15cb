import { expect, it } from 'vitest';
import { qualifiedEmoji } from '../../api/text/emoji.ts';

it.each([
  ['a heart with and without a variation selector', ['❤', '❤\u{fe0f}'], '❤\u{fe0f}'],
  ['a heart for text', ['❤\u{fe0e}'], '❤\u{fe0f}'],
  ['a thumb', ['👍', '👍\u{fe0f}'], '👍'],
  ['a skin tone', ['☝🏿', '☝\u{fe0f}🏿'], '☝🏿'],
  ['a keycap', ['1\u{20e3}', '1\u{fe0f}\u{20e3}'], '1\u{fe0f}\u{20e3}'],
  ['a sequence', ['👁\u{200d}🗨', '👁\u{fe0f}\u{200d}🗨', '👁\u{fe0f}\u{200d}🗨\u{fe0f}'], '👁\u{fe0f}\u{200d}🗨\u{fe0f}'],
  ['a skin tone in a sequence', ['🕵🏻\u{200d}♂'], '🕵🏻\u{200d}♂\u{fe0f}'],
  ['a family', ['👨\u{200d}👩\u{200d}👧\u{200d}👦'], '👨\u{200d}👩\u{200d}👧\u{200d}👦'],
  ['a flag', ['🇩🇪'], '🇩🇪'],
  [
    'the flag of a region',
    ['🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}'],
    '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
  ],
])('%s has one form', (_, forms, expected) => {
  for (const form of [...forms, expected]) expect(qualifiedEmoji(form)).toBe(expected);
});

it.each(['', ' ', 'a', '1', '#', '👍👍', '👍 ', '🇩', 'x👍', '\u{fe0f}', '\u{200d}', '👍\u{200d}', '❤'.repeat(1_000)])(
  'refuses %j',
  (text) => expect(qualifiedEmoji(text)).toBeNull(),
);
