import { GraphQLScalarType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../schema/index.ts';

describe('DateTime', () => {
  const scalar = schema.getType('DateTime') as GraphQLScalarType<Date, string>;

  it('is written in UTC with milliseconds', () => {
    expect(scalar.serialize(new Date(0))).toBe('1970-01-01T00:00:00.000Z');
  });

  it('is read in the format of its specification only', () => {
    const at = Date.UTC(2026, 10, 23, 12);
    for (const text of ['2026-11-23T12:00:00.000Z', '2026-11-23T12:00:00Z', '2026-11-23T14:00:00.000+02:00'])
      expect(scalar.parseValue(text).getTime()).toBe(at);
    for (const other of [
      '2026-11-23',
      '2026-11-23T12:00:00',
      'Mon, 23 Nov 2026 12:00:00 GMT',
      '2026-13-01T00:00:00Z',
      at,
    ])
      expect(() => scalar.parseValue(other)).toThrow('A DateTime must be');
  });

  it('names its specification', () => {
    expect(scalar).toBeInstanceOf(GraphQLScalarType);
    expect(scalar.specifiedByURL).toMatch(/^https:/);
  });
});
