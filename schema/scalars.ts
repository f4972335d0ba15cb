import { GraphQLError } from 'graphql';
import { builder } from './builder.ts';

builder.scalarType('DateTime', {
  description: 'Date and time in ISO 8601, UTC, with milliseconds: `2026-11-23T12:00:00.000Z`.',
  serialize: (value) => (typeof value === 'string' ? value : value.toISOString()),
  parseValue: (value) => {
    const time = typeof value === 'string' ? new Date(value) : new Date(Number.NaN);
    if (Number.isNaN(time.getTime()))
      throw new GraphQLError('A DateTime must be an ISO 8601 string, such as "2026-11-23T12:00:00.000Z".');
    return time;
  },
});
