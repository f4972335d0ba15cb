import { expect, it } from 'vitest';
import { createPasswordRules } from '../../api/domain/password-rules.ts';

it('want as many characters as the setting says, common passwords aside', async () => {
  const { problems } = createPasswordRules({ minLength: 12 });
  expect(await problems('x1y2z3-4567', 'next', [])).toEqual([
    { path: 'next', message: 'must be at least 12 characters' },
  ]);
  expect(await problems('x1y2z3-45678', 'next', [])).toEqual([]);
  expect(await problems('123456789012', 'next', [])).toMatchObject([{ message: expect.stringContaining('common') }]);
});

it('allow any text if the user has neither letters in the name nor an address', async () => {
  const { problems } = createPasswordRules({ minLength: 8 });
  expect(await problems('8-8-8-8-8', 'next', ['42', ''])).toEqual([]);
  expect(await problems('        ', 'next', ['', '@'])).toEqual([]);
});
