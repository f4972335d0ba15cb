import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readData, readNewData } from '../../api/domain/custom-data.ts';
import { BadUserInputError, TooLargeError } from '../../api/errors.ts';

const read = (value: unknown) => readData(value, 'data', 4_096);

/** Returns an object of that many levels. */
function nested(levels: number): object {
  return levels === 1 ? {} : { inner: nested(levels - 1) };
}

describe('custom data', () => {
  it('keep every value, key and order of JSON, such as a key `__proto__`', () => {
    for (const json of ['{}', '{"__proto__":{"a":[1,-0.5,1e-7,"é",true,null]},"z":1,"constructor":{},"a":2}'])
      expect(read(JSON.parse(json))).toBe(json);
    expect(readData(nested(16), 'data', 4_096)).toBe(JSON.stringify(nested(16)));
    expect(({} as { a?: unknown }).a).toBeUndefined();
  });

  it('are the same after they were read and parsed, or are refused', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ noUnicodeString: false })), (value) => {
        try {
          expect(JSON.parse(readData(value, 'data', 1_000_000) ?? '')).toEqual(JSON.parse(JSON.stringify(value)));
        } catch (error) {
          if (!(error instanceof BadUserInputError)) throw error;
        }
      }),
    );
  });

  it.each([
    ['a list', []],
    ['a text', '{}'],
    ['a number', 1],
    ['seventeen levels', nested(17)],
    ['a NUL in a text', { a: ['a\0'] }],
    ['a NUL in a key', { 'a\0': 1 }],
    ['half of a surrogate pair', { a: '\ud800' }],
    ['half of a surrogate pair in a key', { '\udc00': 1 }],
    ['a number without an end', JSON.parse('{"a":1e400}')],
    ['an integer that loses digits', JSON.parse('{"a":9007199254740993}')],
  ])('are refused with %s', (_, value) => {
    expect(() => read(value)).toThrow(BadUserInputError);
  });

  it('are refused above the limit, in bytes of UTF-8', () => {
    expect(read({ a: 'é'.repeat(2_043) })).toHaveLength(2_051);
    expect(() => read({ a: 'é'.repeat(2_045) })).toThrow(TooLargeError);
  });

  it('are replaced by null only where it is given', () => {
    expect(readNewData(undefined, 'data', 10)).toBeNull();
    expect(readNewData(null, 'data', 10)).toEqual({ json: null });
    expect(readNewData({}, 'data', 10)).toEqual({ json: '{}' });
  });
});
