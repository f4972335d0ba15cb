import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeUpdateCursor,
  encodeUpdateCursor,
  identityOf,
  type Mark,
  sweepSteps,
  type UpdateCursor,
} from '../../../api/domain/updates/update-cursor.ts';
import { BadUserInputError } from '../../../api/errors.ts';

const offset = fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 2 ** 48 }));
const numbers = (length: number) => fc.array(offset, { minLength: length, maxLength: length });
const identity = fc.string().map((name) => identityOf({ name, partitions: 1, ids: [] }));

/** Cursors of any number of partitions, within a sweep or not. */
const cursor: fc.Arbitrary<UpdateCursor> = fc.nat({ max: 20 }).chain((partitions) =>
  fc
    .record({
      log: identity,
      next: numbers(partitions),
      time: offset,
      distances: numbers(partitions),
      later: offset,
      place: fc.record({ step: fc.constantFrom(...sweepSteps), id: fc.uuid(), offset }),
      budget: offset,
      isSweep: fc.boolean(),
    })
    .map(({ log, next, time, distances, later, place, budget, isSweep }) => {
      const from: Mark = { next, time };
      const to: Mark = { next: next.map((start, n) => start + (distances[n] ?? 0)), time: time + later };
      return { log, from, sweep: isSweep ? { to, place, budget } : null };
    }),
);

/** Returns the error of decoding; null if there is none. */
function errorOf(text: string): unknown {
  try {
    decodeUpdateCursor(text);
    return null;
  } catch (error) {
    return error;
  }
}

test('a cursor is decoded as it was encoded', () => {
  fc.assert(
    fc.property(cursor, (one) => {
      expect(decodeUpdateCursor(encodeUpdateCursor(one))).toEqual(one);
    }),
  );
});

test('any other text is refused as input', () => {
  const bytes = fc.uint8Array({ maxLength: 80 }).map((some) => Buffer.from(some).toString('base64url'));
  const versioned = fc.uint8Array({ maxLength: 80 }).map((some) => Buffer.from([1, ...some]).toString('base64url'));
  fc.assert(
    fc.property(fc.oneof(bytes, versioned, fc.string(), fc.base64String()), (text) => {
      const error = errorOf(text);
      if (error !== null) expect(error).toBeInstanceOf(BadUserInputError);
      else expect(encodeUpdateCursor(decodeUpdateCursor(text))).toBe(text);
    }),
    { numRuns: 2_000 },
  );
});

test('a cursor that is cut or changed is refused, or is another cursor', () => {
  fc.assert(
    fc.property(cursor, fc.nat(), fc.nat({ max: 255 }), (one, at, byte) => {
      const bytes = Buffer.from(encodeUpdateCursor(one), 'base64url');
      expect(errorOf(bytes.subarray(0, at % bytes.length).toString('base64url'))).toBeInstanceOf(BadUserInputError);
      bytes[at % bytes.length] = byte;
      const error = errorOf(bytes.toString('base64url'));
      if (error !== null) expect(error).toBeInstanceOf(BadUserInputError);
    }),
  );
});

test('the identity of a log depends on its name, its partitions and its ids', () => {
  const log = { name: 'log', partitions: 2, ids: ['a', 'b'] };
  const others = [
    { ...log, name: 'other' },
    { ...log, partitions: 3 },
    { ...log, ids: ['a'] },
  ];
  expect(new Set([log, ...others].map(identityOf)).size).toBe(4);
  expect(identityOf({ ...log, ids: ['b', 'a'] })).toBe(identityOf(log));
});
