import { describe, expect, it } from 'vitest';
import { deviceName } from '../../api/domain/device-name.ts';
import { createPasswordRules } from '../../api/domain/password-rules.ts';
import { comparisonKey } from '../../api/text/comparison-key.ts';
import { canonicalEmail, storedEmails } from '../../api/text/email-address.ts';
import { cleanFilename } from '../../api/text/file-name.ts';
import { readText, type TextKind } from '../../api/text/text-kinds.ts';
import { type Outcome, samples } from '../support/texts.ts';

/** Returns the text that a kind makes of a text, or the message with which it refuses it. */
function outcomeOf(kind: TextKind, text: string): string {
  const { value, problems } = readText(kind, text, 'path');
  return problems[0]?.message ?? value;
}

function expectOutcome(actual: string, expected: Outcome, kept: string): void {
  if (expected instanceof RegExp) expect(actual).toMatch(expected);
  else expect(actual).toBe(expected === true ? kept : expected);
}

const rules = createPasswordRules({ minLength: 0 });

describe.each(Object.entries(samples))('%s', (_, sample) => {
  const { text, name = true, message = true, password = true, device = true, file = true } = sample;
  const key = sample.key ?? (typeof name === 'string' ? name : text);

  it.each(['userName', 'roomName'] as const)('as %s', (kind) => expectOutcome(outcomeOf(kind, text), name, text));
  it('as tag, message, device, file and search term', () => {
    const tag = sample.tag ?? name;
    expectOutcome(outcomeOf('tag', text), tag instanceof RegExp ? tag : true, key);
    expectOutcome(outcomeOf('message', text), message, text);
    expectOutcome(deviceName(text, ''), device, text);
    expectOutcome(outcomeOf('fileName', text), file, text);
    expect(outcomeOf('searchTerm', text)).toBe(key);
  });
  it('as password', async () => {
    const [problem] = await rules.problems(text, 'path', []);
    expectOutcome(problem?.message ?? readText('password', text, 'path').value, password, text);
  });
  it('gives a well-formed text without NUL, which does not change when it is read again', () => {
    for (const kind of ['userName', 'roomName', 'tag', 'message', 'password', 'fileName', 'searchTerm'] as const) {
      const { value, problems } = readText(kind, text, 'path');
      if (problems.length > 0) continue;
      expect([kind, value.isWellFormed(), kind === 'password' || !value.includes('\0')]).toEqual([kind, true, true]);
      expect([kind, readText(kind, value, 'path').value]).toEqual([kind, value]);
    }
  });
});

describe('the key of a text', () => {
  it('is its own key, and that of its upper and lower case, for every character', () => {
    const different: string[] = [];
    for (let point = 0; point <= 0x10ffff; point++) {
      if (point >= 0xd800 && point <= 0xdfff) continue;
      const character = String.fromCodePoint(point);
      const key = comparisonKey(character);
      const others = [key, character.normalize('NFD'), character.normalize('NFKC'), character.toUpperCase()];
      if (others.some((other) => comparisonKey(other) !== key)) different.push(point.toString(16));
    }
    expect(different).toEqual([]);
  });

  it('has at most 256 code points', () => {
    expect(comparisonKey('\uFDFA'.repeat(80))).toHaveLength(256);
    expect([...comparisonKey('😀'.repeat(300))]).toHaveLength(256);
  });

  it('begins with the key of an unfinished syllable, and of a term without accents', () => {
    expect(comparisonKey('김철수').startsWith(comparisonKey('김처'))).toBe(true);
    expect(comparisonKey('Josée').startsWith(comparisonKey('JOSE'))).toBe(true);
  });
});

describe('an e-mail address', () => {
  it.each([
    ['Ada@Example.ORG', 'ada@example.org'],
    [' ada@example.org\n', 'ada@example.org'],
    ['ada+chat@example.org', 'ada+chat@example.org'],
    ['a.d.a@example.org', 'a.d.a@example.org'],
    ['.a..b.@docomo.example', '.a..b.@docomo.example'],
    ['ada@BÜCHER.example', 'ada@bücher.example'],
    ['ada@bu\u0308cher.example', 'ada@bücher.example'],
    ['ada@xn--bcher-kva.example', 'ada@bücher.example'],
    ['ada@XN--BCHER-KVA.EXAMPLE', 'ada@bücher.example'],
    ['ada@straße.example', 'ada@straße.example'],
    ['ada@例え。テスト', 'ada@例え.テスト'],
    ['ａｄａ＠ｅｘａｍｐｌｅ．ｏｒｇ', 'ada@example.org'],
    ['zoe\u0308@example.org', 'zo\u00EB@example.org'],
    ['\u212Aim@example.org', 'kim@example.org'],
    ['用户@例子.广告', '用户@例子.广告'],
    [`${'a'.repeat(64)}@example.org`, `${'a'.repeat(64)}@example.org`],
    ["!#$%&'*+-/=?^_`{|}~@a.b", "!#$%&'*+-/=?^_`{|}~@a.b"],
  ])('%s is read as %s', (text, expected) => {
    expect(canonicalEmail(text)).toBe(expected);
    expect(canonicalEmail(expected)).toBe(expected);
  });

  it.each([
    ...['', '@', 'ada', 'ada@', '@example.org', 'ada@localhost', 'ada@example.', 'ada@.org', 'ada@a..b', 'ada@@b.c'],
    ...['ada@example.org.', '"ada"@example.org', '"a b"@example.org', 'ada(x)@example.org', 'ada@example.org(x)'],
    ...['ada@[127.0.0.1]', 'ada@127.0.0.1', 'ada@0x7f.1', 'ada@[IPv6:::1]', 'ada@-a.org', 'ada@a-.org', 'ada@ex_a.org'],
    ...[
      'ada@ex%61mple.org',
      'ada@example.org:25',
      'ada@example.org/x',
      'ada@xn--a.example',
      `ada@${'a'.repeat(64)}.org`,
    ],
    ...['a b@example.org', 'a\u00A0b@example.org', 'ada@exam ple.org', 'ada@example.org,ben@example.org', '<ada@b.c>'],
    ...[
      'ada\0@example.org',
      'a\u200Bda@example.org',
      'ada@exam\u00ADple.org',
      'ada\u202E@example.org',
      'ada\uD800@b.c',
    ],
    ...['\u0301ada@example.org', 'a\\b@example.org', 'a[b]@example.org', `${'a'.repeat(65)}@example.org`],
    ...[
      `${'é'.repeat(33)}@example.org`,
      `a@${`${'b'.repeat(62)}.`.repeat(4)}org`,
      'ada@\u2100.org',
      'a\u2100a,b@x.org',
    ],
  ])('cannot be %j', (text) => {
    expect(canonicalEmail(text)).toBeNull();
  });

  it('is looked up as former releases stored it, too', () => {
    expect(storedEmails('Ada@xn--BCHER-kva.example')).toEqual(['ada@xn--bcher-kva.example', 'ada@bücher.example']);
    expect(storedEmails('ada@bücher.example')).toEqual(['ada@bücher.example', 'ada@xn--bcher-kva.example']);
    expect(storedEmails('\uFB01@example.org')).toEqual(['\uFB01@example.org', 'fi@example.org']);
    expect(storedEmails('ada@[127.0.0.1]')).toEqual(['ada@[127.0.0.1]']);
    expect(storedEmails('ada\0@example.org')).toEqual([]);
  });
});

describe('the name of a file', () => {
  it.each([
    ['../../etc/passwd', 'passwd'],
    ['C:\\x\\y.txt', 'y.txt'],
    ['/', 'file'],
    ['..', 'file'],
    ['. .', 'file'],
    ['a. . ', 'a'],
    ['.htaccess', '.htaccess'],
    ['.', 'file'],
    ['CON', '_CON'],
    ['nul', '_nul'],
    ['AUX.txt', '_AUX.txt'],
    ['con .txt', '_con.txt'],
    ['COM1', '_COM1'],
    ['lpt\u00B9.tar.gz', '_lpt\u00B9.tar.gz'],
    ['CONIN$', '_CONIN$'],
    ['console.txt', 'console.txt'],
    ['a.con', 'a.con'],
    ['a:b?*"<>|.txt', 'a_b______.txt'],
    ['photo\u202Egpj.exe', 'photogpj.exe'],
    ['a\r\nSet-Cookie: x=y.txt', 'a Set-Cookie_ x=y.txt'],
    ['👨\u200D👩\u200D👧.png', '👨\u200D👩\u200D👧.png'],
    ['می\u200Cخواهم.txt', 'می\u200Cخواهم.txt'],
    [`${'x'.repeat(300)}.txt`, `${'x'.repeat(236)}.txt`],
    [`${'é'.repeat(300)}.txt`, `${'é'.repeat(118)}.txt`],
    [`${'😀'.repeat(100)}.jpeg`, `${'😀'.repeat(58)}.jpeg`],
    [`x.${'y'.repeat(300)}`, `x.${'y'.repeat(238)}`],
    [`${'x'.repeat(235)} .txt`, `${'x'.repeat(235)}.txt`],
    [`e${'\u0301'.repeat(500)}.txt`, 'file.txt'],
  ])('%j becomes %j', (given, expected) => {
    expect(cleanFilename(given)).toBe(expected);
    expect(cleanFilename(expected)).toBe(expected);
    expect(Buffer.byteLength(cleanFilename(given))).toBeLessThanOrEqual(240);
  });
});

it('the name of a device is cut between characters', () => {
  const family = '👨‍👩‍👧‍👦';
  expect(deviceName(family.repeat(40), '')).toBe(family.repeat(40));
  expect(deviceName('😀'.repeat(150), '')).toBe('😀'.repeat(100));
});
