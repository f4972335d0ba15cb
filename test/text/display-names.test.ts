import { describe, expect, it } from 'vitest';
import { deviceName } from '../../api/domain/device-name.ts';
import { visibilityProblem } from '../../api/text/characters.ts';
import { displayNameProblem } from '../../api/text/display-names.ts';

describe('a name that others see', () => {
  it.each([
    ...['Ada', 'Łukasz', 'José Ñandú', "O'Brien", 'Anne-Marie', 'user_42', '%_\\', '…', '42'],
    ...['Nguyễn Thị Hương', 'Nguyễn Thị Hương'.normalize('NFD'), 'Ø₂', 'Straße'],
    ...[
      'علياء',
      'محمد ٤٢',
      'می\u200Cخواهم',
      'שָׁלוֹם',
      'ދިވެހި',
      'ሰላም',
      'Ελένη',
      'Ἀθηνᾶ',
      'Анна-Мария',
      'Ёлка',
      'Դավիթ',
      'თამარ',
    ],
    ...['क्षत्रिय', 'क्\u200Dष', 'हिन्दी', 'শ্রী', 'ශ්\u200Dරී', 'അവന്\u200D', 'தமிழ்', 'สมชาย', 'བོད་ཡིག', 'မြန်မာ', 'ភាសាខ្មែរ'],
    ...[
      '山田太郎',
      'サクラちゃん',
      'Tシャツ屋',
      'コーヒーX',
      '김철수',
      'K팝',
      '王小明ㄅ',
      '葛\u{E0100}城',
      'ᠮᠣᠩᠭᠣᠯ',
      'ᏣᎳᎩ',
      'ⵜⵉⴼⵉⵏⴰⵖ',
    ],
    ...['Анна Smith', 'Чат-room', 'مريم Miller', 'Δ team', '东京 Tower'],
    ...['👨‍👩‍👧‍👦', '👍🏽', '❤️', '❤️‍🔥', '🏳️‍🌈', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '🇯🇵', '1️⃣', 'Ada 🎉', '☺︎', '🤷🏾‍♀️ Bob'],
  ])('may be %s', (name) => {
    expect(displayNameProblem(name)).toBeNull();
  });

  it.each([
    ...['Ada\u200B', '\u200BAda', 'A\u200Dda', 'Ada\u200C', 'a\u00ADb', 'Ada\uFEFF', 'Ada\u2060', 'A\u034Fda'],
    ...['\u3164', '\u115F', '\u1160', '\uFFA0', '\u2800', 'Ada\u2800', '\u17B4', 'Ada\u180E'],
    ...['Ada\u202E', '\u202AAda', '\u2066Ada\u2069', 'Ada\u200E', '\u200Fعلي', '\u061Cعلي'],
    ...['Ada\u{E0041}\u{E0042}', '🏴\u{E0041}', '\u{E0001}', 'Ada\u{E0100}', 'Ada\uFE0F', '👍\uFE0F\uFE0F'],
    ...['\u0007Ada', 'A\nB', 'A\u2028B', '\uE000', '\uFFFE', 'می\u200C\u200Cخ', '👨\u200D', '\u200D👨'],
  ])('may not contain a character that cannot be shown: %j', (name) => {
    expect(displayNameProblem(name)).toBe('must not contain characters that cannot be shown');
  });

  it.each(['Z\u0351\u036B\u0343\u036A\u0302', 'a\u0301\u0301', 'é\u0301', '\u0E01\u0E49\u0E49', 'x\u20DD\u20DD'])(
    'may not stack combining marks: %j',
    (name) => {
      expect(displayNameProblem(name)).toMatch(/combining marks/);
    },
  );

  it.each(['', ' ', '\u0301', '\u3000'])('must have something to see: %j', (name) => {
    expect(displayNameProblem(name)).toBe('must contain a visible character');
  });

  it.each([
    '\u0410da',
    'Ad\u0430',
    'p\u0430ypal',
    'micr\u03BFsoft',
    'Αdmin',
    'Ada\u05D0',
    'Анnа',
    'ᎪDA',
    'あБ',
    '한あ',
  ])('may not mix scripts in one word: %s', (name) => {
    expect(displayNameProblem(name)).toBe('must not mix letters of several scripts in one word');
  });
});

describe('the rule for names', () => {
  it('replaces the name of a device that hides something, but not one in two scripts', () => {
    expect(deviceName('Ada\u202E', 'Firefox on Linux')).toBe('Firefox on Linux');
    expect(deviceName('МойPhone', 'Firefox on Linux')).toBe('МойPhone');
    expect(visibilityProblem('МойPhone')).toBeNull();
  });
});
