const adjectives = [
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
const nouns = [
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

/** Returns a random name to suggest to a guest. */
export function suggestName(): string {
  return `${pick(adjectives)} ${pick(nouns)}`;
}

function pick(words: readonly string[]): string {
  return words[Math.floor(Math.random() * words.length)] ?? '';
}
