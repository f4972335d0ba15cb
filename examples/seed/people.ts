/** An account of the seed. */
export interface Person {
  /** Part of the e-mail address before `@example.org`, and the name of the person in the conversations. */
  key: PersonKey;
  /** Name shown to others. */
  name: string;
  /** Colours of the profile picture; people without them keep the picture that the server draws. */
  colours?: { sky: string; ground: string };
}

export type PersonKey =
  | 'amara'
  | 'wei'
  | 'soren'
  | 'priya'
  | 'yusuf'
  | 'sofia'
  | 'aiko'
  | 'kwame'
  | 'layla'
  | 'mateusz'
  | 'tane'
  | 'olena';

/** The accounts of the seed, in the order in which they register. */
export const people: readonly Person[] = [
  { key: 'amara', name: 'Amara Okafor', colours: { sky: '#f2994a', ground: '#6d2e46' } },
  { key: 'wei', name: '李伟 Li Wei' },
  { key: 'soren', name: 'Søren Kjær', colours: { sky: '#7fb7d6', ground: '#22577a' } },
  { key: 'priya', name: 'Priya Raman', colours: { sky: '#d98cb3', ground: '#5b2a86' } },
  { key: 'yusuf', name: 'Yusuf Demir' },
  { key: 'sofia', name: 'Sofía Hernández', colours: { sky: '#f6c453', ground: '#3f7d20' } },
  { key: 'aiko', name: '田中 愛子' },
  { key: 'kwame', name: 'Kwame Mensah' },
  { key: 'layla', name: 'ليلى حداد', colours: { sky: '#9ad1d4', ground: '#84533c' } },
  { key: 'mateusz', name: 'Mateusz Wójcik' },
  { key: 'tane', name: 'Tāne Ngata', colours: { sky: '#8ecae6', ground: '#2d6a4f' } },
  { key: 'olena', name: 'Олена Коваленко' },
];
