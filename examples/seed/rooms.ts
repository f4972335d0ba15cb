import type { Room } from './conversations.ts';
import { people } from './people.ts';

const [first, ...others] = people.map(({ key }) => key);
const everyone: Room['members'] = [first ?? 'amara', ...others];

/** Rooms of the seed with their conversations. */
export const rooms: readonly Room[] = [
  {
    key: 'kitchen',
    name: 'The kitchen table',
    visibility: 'PUBLIC',
    members: everyone,
    lines: [
      { by: 'amara', text: 'Good morning! Who is cooking tonight?', id: 'who' },
      { by: 'sofia', text: 'I can make tamales if somebody helps me fold.', id: 'tamales', replyTo: 'who' },
      { by: 'tane', text: 'Folding is my only talent. I am in.', replyTo: 'tamales' },
      { by: 'wei', text: '我带水果 🍊' },
      { by: 'priya', text: 'Is there a version without meat?', replyTo: 'tamales' },
      { by: 'sofia', text: 'Half of them: beans and cheese.', edited: 'Half of them: beans, cheese and poblano.' },
      { by: 'mateusz', text: 'I will bring pierogi, and nobody can stop me.' },
      { by: 'mateusz', text: 'Ruskie, of course.', isDeleted: true },
      { by: 'olena', text: 'Смачного!' },
      {
        by: 'sofia',
        text: 'Proof that I went to the market early:',
        id: 'market',
        pictures: [
          { filename: 'market.jpg', width: 1200, height: 800, sky: '#f6c453', ground: '#b5651d' },
          { filename: 'square.jpg', width: 800, height: 1200, sky: '#a8dadc', ground: '#457b9d' },
        ],
      },
      { by: 'layla', text: 'ما أجمل الألوان!', replyTo: 'market' },
      { by: 'kwame', text: 'See you all at seven 🎉' },
    ],
  },
  {
    key: 'trails',
    name: 'Mountains & trails',
    visibility: 'PUBLIC',
    members: ['soren', 'priya', 'aiko', 'tane', 'layla', 'amara'],
    lines: [
      {
        by: 'soren',
        text: 'Back from three days above the tree line. No signal, no plans, one very curious goat.',
        id: 'goat',
        pictures: [{ filename: 'ridge.jpg', width: 2000, height: 900, sky: '#7fb7d6', ground: '#31572c' }],
      },
      { by: 'aiko', text: 'きれい！ Which route is this?', replyTo: 'goat' },
      {
        by: 'soren',
        text:
          'The long one: up the east side on the first day, along the ridge on the second, and down through the ' +
          'forest on the third. Take more water than you think, the springs are dry in August. The hut on the saddle ' +
          'is closed, but the shelter next to it is open and has a stove.\n\nhttps://example.org/routes/ridge',
      },
      { by: 'tane', text: 'Adding it to the list. Ka pai!' },
      { by: 'priya', text: 'What did the goat want?', replyTo: 'goat' },
      { by: 'soren', text: 'My map. It got a corner.' },
      { by: 'layla', text: 'Saturday, easy walk, anyone?', edited: 'Sunday, easy walk, anyone?' },
      { by: 'amara', text: 'Me!' },
    ],
  },
  {
    key: 'typescript',
    name: 'TypeScript, mostly',
    visibility: 'PUBLIC',
    members: ['wei', 'kwame', 'yusuf', 'olena', 'mateusz', 'priya'],
    lines: [
      { by: 'kwame', text: 'Why does `satisfies` keep the literal type and an annotation does not?', id: 'satisfies' },
      {
        by: 'wei',
        text: 'An annotation replaces the inferred type. `satisfies` checks it and leaves it alone.',
        replyTo: 'satisfies',
      },
      {
        by: 'yusuf',
        text: 'const rates = { send: 50 } satisfies Record<string, number>;\nrates.send; // number, known key',
      },
      { by: 'kwame', text: 'Oh. That is much simpler than the article I read.' },
      { by: 'olena', text: 'It always is.' },
      { by: 'mateusz', text: 'I use `as` and hope.', isDeleted: true },
      { by: 'mateusz', text: 'I have never used `as`. You cannot prove anything.' },
    ],
  },
  {
    key: 'birthday',
    name: "Amara's birthday 🤫",
    visibility: 'PRIVATE',
    members: ['priya', 'sofia', 'kwame', 'tane'],
    lines: [
      { by: 'priya', text: 'She suspects nothing. Cake?', id: 'cake' },
      { by: 'sofia', text: 'Three layers, mango.', replyTo: 'cake' },
      { by: 'kwame', text: 'I have the keys to the boathouse from six.' },
      { by: 'tane', text: 'Music is sorted. Nobody sings before I say so.' },
    ],
  },
];
