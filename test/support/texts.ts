/** Outcome of reading a text: `true` if it is kept as it is, the text that it becomes, or the reason why it is refused. */
export type Outcome = true | string | RegExp;

/** A text, and its outcome for each group of kinds; a group that is left out keeps the text as it is. */
export interface Sample {
  text: string;
  /** User names and names of rooms. */
  name?: Outcome;
  /** Tags, before they are folded: the same as for names if it is left out, but for scripts. */
  tag?: Outcome;
  message?: Outcome;
  password?: Outcome;
  device?: Outcome;
  file?: Outcome;
  /** Key by which names, tags and search terms are compared; the outcome of `name` if it is left out. */
  key?: string;
}

const hidden = /cannot be shown/;
const empty = /must not be empty/;
const short = /must be 1 to/;
const half = /half of a surrogate pair/;
const unknown = 'Unknown device';
const family = '\u{1F468}\u200D\u{1F469}\u200D\u{1F467}\u200D\u{1F466}';

/** Text that no kind sees: names are refused, messages are empty, a device and a file get another name. */
const unseen = (text: string, more: Partial<Sample> = {}): Sample => ({
  ...{ text, name: hidden, message: empty, device: unknown, file: 'file', key: '' },
  ...more,
});
/** Text with one character in it that cannot be shown. */
const partly = (text: string, shown: string, more: Partial<Sample> = {}): Sample => ({
  ...{ text, name: hidden, device: unknown, file: shown, key: shown.toLowerCase() },
  ...more,
});
const blank = (text: string, more: Partial<Sample> = {}): Sample => ({
  ...{ text, name: short, message: empty, device: unknown, file: 'file', key: '' },
  ...more,
});

/** Texts of many scripts and forms, with their outcome for each kind of text. */
export const samples: Record<string, Sample> = {
  ASCII: { text: 'Ada 42', key: 'ada 42' },
  NFC: { text: 'Jos\u00E9', key: 'jose\u0301' },
  NFD: {
    text: 'Jose\u0301',
    name: 'Jos\u00E9',
    password: 'Jos\u00E9',
    device: 'Jos\u00E9',
    file: 'Jos\u00E9',
    key: 'jose\u0301',
  },
  'singleton of NFC': {
    text: '\u212Bngstr\u00F6m',
    name: '\u00C5ngstr\u00F6m',
    password: '\u00C5ngstr\u00F6m',
    device: '\u00C5ngstr\u00F6m',
    file: '\u00C5ngstr\u00F6m',
    key: 'a\u030Angstro\u0308m',
  },
  'full width': { text: '\uFF21\uFF44\uFF41', password: 'Ada', key: 'ada' },
  'half width katakana': {
    text: '\uFF76\uFF80\uFF76\uFF85',
    password: '\u30AB\u30BF\u30AB\u30CA',
    key: '\u30AB\u30BF\u30AB\u30CA',
  },
  ligature: { text: '\uFB01nn', password: 'finn', key: 'finn' },
  superscript: { text: 'x\u00B2', password: 'x2', key: 'x2' },
  'mathematical letters': { text: '\u{1D4D0}da', password: 'Ada', key: 'ada' },
  'circled letters': { text: '\u24B6da', password: 'Ada', key: 'ada' },
  'sharp s': { text: 'Stra\u00DFe', key: 'strasse' },
  'capital sharp s': { text: 'STRA\u1E9EE', key: 'strasse' },
  'dotted I': { text: '\u0130zmir', key: 'izmir' },
  'dotless i': { text: '\u0131rmak', key: 'irmak' },
  'final sigma': {
    text: '\u03A3\u03AF\u03C3\u03C5\u03C6\u03BF\u03C2',
    key: '\u03C3\u03B9\u0301\u03C3\u03C5\u03C6\u03BF\u03C3',
  },
  Cherokee: { text: '\u13A0\u13A1', key: '\uAB70\uAB71' },
  'long s': { text: 'Gro\u017F', password: 'Gros', key: 'gros' },
  'Kelvin sign': { text: '\u212Aa', name: 'Ka', password: 'Ka', device: 'Ka', file: 'Ka', key: 'ka' },
  Vietnamese: { text: 'Nguy\u1EC5n', key: 'nguye\u0302\u0303n' },
  Thai: {
    text: '\u0E19\u0E49\u0E33\u0E43\u0E2A',
    password: '\u0E19\u0E49\u0E4D\u0E32\u0E43\u0E2A',
    key: '\u0E19\u0E49\u0E4D\u0E32\u0E43\u0E2A',
  },
  Devanagari: { text: '\u0939\u093F\u0928\u094D\u0926\u0940' },
  'Hebrew with points': {
    text: '\u05E9\u05C1\u05B8\u05DC\u05D5\u05B9\u05DD',
    name: '\u05E9\u05B8\u05C1\u05DC\u05D5\u05B9\u05DD',
    password: '\u05E9\u05B8\u05C1\u05DC\u05D5\u05B9\u05DD',
    device: '\u05E9\u05B8\u05C1\u05DC\u05D5\u05B9\u05DD',
    file: '\u05E9\u05B8\u05C1\u05DC\u05D5\u05B9\u05DD',
  },
  Arabic: { text: '\u0645\u062D\u0645\u062F' },
  'Arabic number sign': { text: '\u0600\u0661\u0662' },
  'joiner in Persian': {
    text: '\u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645',
    key: '\u0645\u06CC\u062E\u0648\u0627\u0647\u0645',
  },
  'joiner in Sinhala': { text: '\u0DC1\u0DCA\u200D\u0DBB\u0DD3', key: '\u0DC1\u0DCA\u0DBB\u0DD3' },
  Hangul: { text: '\uAE40\uCCA0\uC218', key: '\uAE40\uCCA0\uC218'.normalize('NFD') },
  'family of emoji': { text: family, key: family.replaceAll('\u200D', '') },
  'flag of a country': { text: '\u{1F1EF}\u{1F1F5}' },
  'flag of a region': { text: '\u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}', key: '\u{1F3F4}' },
  'skin tone': { text: '\u{1F44D}\u{1F3FD}' },
  keycap: { text: '1\uFE0F\u20E3', key: '1\u20E3' },
  heart: { text: '\u2764\uFE0F', key: '\u2764' },
  'pictograph of a newer Unicode': { text: '\u{1F8FF}' },
  'variation of an ideograph': { text: '\u845B\u{E0100}\u57CE', key: '\u845B\u57CE' },
  markup: { text: '<b>%_</b>', file: 'b_', key: '<b>%_</b>' },
  wildcards: { text: '50%_o*', file: '50%_o_' },

  'several spaces': { text: 'a  \u00A0\u3000b', name: 'a b', password: 'a   \u0020b', device: 'a b', file: 'a b' },
  'spaces at the ends': { text: ' Ada ', name: 'Ada', device: 'Ada', file: 'Ada', key: 'ada' },
  'tab and line ends': {
    text: 'a\tb\r\nc\rd',
    name: 'a b c d',
    message: 'a\tb\nc\nd',
    device: 'a b c d',
    file: 'a b c d',
  },
  'vertical tab and form feed': { text: 'a\vb\fc', name: 'a b c', message: 'a\nb\nc', device: 'a b c', file: 'a b c' },
  'line and paragraph separator': {
    text: 'a\u2028b\u2029c\u0085d',
    name: 'a b c d',
    message: 'a\nb\nc\nd',
    device: 'a b c d',
    file: 'a b c d',
  },
  empty: blank(''),
  space: blank(' '),
  'no-break space': blank('\u00A0', { password: ' ' }),
  'ideographic space': blank('\u3000', { password: ' ' }),
  'ogham space': blank('\u1680'),
  'line ends alone': blank('\r\n\u2028'),

  'zero-width space alone': unseen('\u200B\u200B'),
  'word joiner alone': unseen('\u2060'),
  'byte order mark alone': blank('\uFEFF'),
  'Mongolian vowel separator alone': unseen('\u180E'),
  'Hangul filler alone': unseen('\u3164', { password: '\u1160' }),
  'Hangul jamo fillers alone': unseen('\u115F\u1160'),
  'half width Hangul filler alone': unseen('\uFFA0', { password: '\u1160' }),
  'Braille blank alone': unseen('\u2800', { key: '\u2800' }),
  'null notehead alone': unseen('\u{1D159}', { key: '\u{1D159}' }),
  'blank hieroglyph alone': unseen('\u{13441}', { key: '\u{13441}' }),
  'object replacement alone': unseen('\uFFFC', { key: '\uFFFC' }),
  'variation selector alone': unseen('\uFE0F'),
  'tags alone': unseen('\u{E0041}\u{E007F}'),
  'combining grapheme joiner alone': unseen('\u034F'),
  'invisible plus alone': unseen('\u2064'),
  'soft hyphen alone': unseen('\u00AD'),
  'direction marks alone': unseen('\u200E\u200F\u061C'),

  'zero-width space': partly('A\u200Bda', 'Ada'),
  'joiner in Latin': partly('A\u200Dda', 'Ada'),
  'soft hyphen': partly('A\u00ADda', 'Ada'),
  'byte order mark inside': partly('A\uFEFFda', 'Ada'),
  'selector after a letter': partly('Ada\uFE0F', 'Ada'),
  'tag after a letter': partly('Ada\u{E0041}', 'Ada'),
  'right-to-left override': partly('Ada\u202Egpj.exe', 'Adagpj.exe'),
  'unbalanced isolate': partly('\u2067Ada', 'Ada'),
  'balanced embedding': partly('\u202AAda\u202C', 'Ada'),
  'annotation anchor': partly('Ada\uFFF9', 'Ada', { key: 'ada\uFFF9' }),
  'private use': partly('A\uE000', 'A', { key: 'a\uE000' }),
  'plane 15': partly('A\u{F0000}', 'A', { key: 'a\u{F0000}' }),
  noncharacters: partly('A\uFFFE\uFFFF\u{1FFFF}\uFDD0', 'A', {
    password: /has not assigned/,
    key: 'a\uFFFE\uFFFF\u{1FFFF}\uFDD0',
  }),
  unassigned: partly('A\u{10FFF}', 'A', { password: /has not assigned/, key: 'a\u{10FFF}' }),
  'bell and escape': partly('A\u0007\u001B[31m', 'A[31m', {
    message: 'A[31m',
    device: 'A [31m',
    key: 'a\u0007\u001B[31m',
  }),
  'C1 control': partly('A\u009B', 'A', { message: 'A', device: 'A', key: 'a\u009B' }),
  delete: partly('A\u007F', 'A', { message: 'A', device: 'A', key: 'a\u007F' }),
  NUL: partly('A\0', 'A', { message: /NUL/, device: 'A', key: 'a' }),
  'half of a pair': {
    text: 'A\uD800',
    name: half,
    message: half,
    password: half,
    device: 'A\uFFFD',
    file: 'A\uFFFD',
    key: 'a\uFFFD',
  },
  'second half of a pair': {
    text: '\uDC00A',
    name: half,
    message: half,
    password: half,
    device: '\uFFFDA',
    file: '\uFFFDA',
    key: '\uFFFDa',
  },

  'leading mark': { text: '\u0301Ada', name: /at the beginning or after a space/, device: unknown, key: '\u0301ada' },
  'mark after a space': {
    text: 'Ada \u0301',
    name: /at the beginning or after a space/,
    device: unknown,
    key: 'ada \u0301',
  },
  'mark alone': { text: '\u0301', name: /visible character/, device: unknown },
  'many marks': {
    text: 'Z\u0351\u036B\u0343\u036A\u0302',
    name: /combining marks/,
    password: 'Z\u0351\u036B\u0313\u036A\u0302',
    file: 'Z\u0351\u036B\u0313\u036A\u0302',
    device: unknown,
    key: 'z\u0351\u036B\u0313\u036A\u0302',
  },
  'one mark twice': {
    text: 'a\u0323\u0323',
    name: /combining marks/,
    password: '\u1EA1\u0323',
    file: '\u1EA1\u0323',
    device: unknown,
    key: 'a\u0323\u0323',
  },
  'Latin and Cyrillic': { text: 'Ad\u0430', name: /several scripts/, tag: true, key: 'ad\u0430' },
  'all in another script': { text: '\u0440\u0430\u0443\u0440\u0430' },
  '81 characters': { text: 'x'.repeat(81), name: short, password: true },
  'one endless character': {
    text: `x${'\u0301'.repeat(700)}`,
    name: short,
    password: /at most 256 bytes/,
    device: unknown,
    file: 'file',
    key: `x${'\u0301'.repeat(255)}`,
  },
};
