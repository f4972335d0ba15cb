import type { Direct } from './conversations.ts';

/** Direct conversations of the seed. */
export const directs: readonly Direct[] = [
  {
    key: 'direct-amara-priya',
    members: ['amara', 'priya'],
    lines: [
      { by: 'amara', text: 'Are you still up for Saturday?' },
      {
        by: 'priya',
        text: 'Yes! 10:00 at the station?',
        edited: 'Yes! 9:30 at the station? The early train is empty.',
      },
      { by: 'amara', text: '9:30 it is. I bring coffee.' },
      { by: 'priya', text: '❤️' },
    ],
  },
  {
    key: 'direct-soren-olena',
    members: ['soren', 'olena'],
    lines: [
      { by: 'soren', text: 'How is the new flat?' },
      { by: 'olena', text: 'Високі стелі й дуже багато світла.' },
      {
        by: 'olena',
        text: 'The view from the kitchen:',
        pictures: [{ filename: 'view.jpg', width: 1600, height: 1000, sky: '#89a7c2', ground: '#3d405b' }],
      },
      { by: 'soren', text: 'I am moving in.' },
    ],
  },
  {
    key: 'direct-layla-yusuf',
    members: ['layla', 'yusuf'],
    lines: [
      { by: 'layla', text: 'هل وصلت الكتب؟' },
      { by: 'yusuf', text: 'Evet, hepsi geldi. Thank you for packing them so well.' },
      { by: 'layla', text: 'Start with the thin one.' },
    ],
  },
  {
    key: 'direct-wei-kwame',
    members: ['wei', 'kwame'],
    lines: [
      { by: 'kwame', text: 'Could you look at my pull request before noon?' },
      { by: 'wei', text: 'Done. Two remarks, nothing serious.' },
      { by: 'wei', text: 'Wrong window, sorry.', isDeleted: true },
      { by: 'kwame', text: 'Fixed both, thanks!' },
    ],
  },
];
