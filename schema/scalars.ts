import { GraphQLError } from 'graphql';
import { builder } from './builder.ts';

/** Format of the specification that the schema names: a date and time of RFC 3339 with an offset. */
const dateTimePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

builder.scalarType('DateTime', {
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  description: 'Date and time in RFC 3339, UTC, with milliseconds: `2026-11-23T12:00:00.000Z`.',
  serialize: (value) => (typeof value === 'string' ? value : value.toISOString()),
  parseValue: (value) => {
    const time = typeof value === 'string' && dateTimePattern.test(value) ? new Date(value) : new Date(Number.NaN);
    if (Number.isNaN(time.getTime()))
      throw new GraphQLError(
        'A DateTime must be a date and time in RFC 3339 with an offset, such as "2026-11-23T12:00:00.000Z".',
      );
    return time;
  },
});

/** The domain reads and bounds the value, by api/domain/custom-data.ts, and keeps its text. */
builder.scalarType('JSON', {
  description:
    'Custom data of the embedding application: a JSON object of at most `limits.dataBytes` bytes and 16 levels, without integers beyond 2^53 - 1. Stored and returned as given.',
  serialize: (text) => JSON.parse(text),
});
