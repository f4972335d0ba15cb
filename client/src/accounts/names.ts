const first = [
  'Amber',
  'Brisk',
  'Calm',
  'Clever',
  'Copper',
  'Early',
  'Gentle',
  'Golden',
  'Hazel',
  'Idle',
  'Jolly',
  'Kind',
  'Late',
  'Lucky',
  'Mellow',
  'Merry',
  'Misty',
  'Nimble',
  'Patient',
  'Plain',
  'Quiet',
  'Silver',
  'Sunny',
  'Wandering',
];
const second = [
  'Badger',
  'Beech',
  'Cedar',
  'Cricket',
  'Dove',
  'Finch',
  'Fox',
  'Heron',
  'Iris',
  'Juniper',
  'Kite',
  'Lark',
  'Linden',
  'Lynx',
  'Maple',
  'Marten',
  'Otter',
  'Plover',
  'Robin',
  'Rowan',
  'Sparrow',
  'Thistle',
  'Willow',
  'Wren',
];

/** A name to offer to a guest. */
export function suggestName(): string {
  return `${pick(first)} ${pick(second)}`;
}

function pick(words: readonly string[]): string {
  return words[Math.floor(Math.random() * words.length)] ?? '';
}
