import type { FieldProblem } from '../errors.ts';
import { comparisonKey } from '../text/comparison-key.ts';
import { readText } from '../text/text-kinds.ts';
import { isCommonPassword } from './common-passwords.ts';

const maxPasswordBytes = 256;

/**
 * Creates the rules for new passwords: their length, and no password that attackers try first, as NIST SP 800-63B
 * (revision 4, section 3.1.1.2) wants. Rules about kinds of characters are left out for the reasons given there.
 * The length counts in the normal form of the password, which is the one that is hashed.
 * @param options.minLength minimum number of Unicode code points
 */
export function createPasswordRules({ minLength }: { minLength: number }) {
  return {
    /**
     * Returns the problems of a new password.
     * @param own texts by which others know the user: name and e-mail address
     */
    async problems(password: string, path: string, own: readonly string[]): Promise<FieldProblem[]> {
      const { value, problems } = readText('password', password, path);
      if (problems.length > 0) return problems;
      const message = await problem(value, own);
      return message === null ? [] : [{ path, message }];
    },
  };

  async function problem(password: string, own: readonly string[]): Promise<string | null> {
    if ([...password].length < minLength) return `must be at least ${minLength} characters`;
    if (Buffer.byteLength(password) > maxPasswordBytes) return `must be at most ${maxPasswordBytes} bytes`;
    if (isOwn(password, own)) return 'must not be your name or e-mail address: others would try it';
    if (await isCommonPassword(password)) return 'must not be a common password: others would try it';
    return null;
  }
}

export type PasswordRules = ReturnType<typeof createPasswordRules>;

/** Whether a password is one of the texts, or its part before an at sign, apart from case, digits and punctuation. */
function isOwn(password: string, own: readonly string[]): boolean {
  const given = formsOf(password);
  const forms = own.flatMap((text) => [...formsOf(text), ...formsOf(text.split('@', 1)[0] ?? '')]);
  return forms.some((form) => form !== '' && given.includes(form));
}

function formsOf(text: string): string[] {
  const key = comparisonKey(text);
  return [key, key.replace(/[^\p{L}\p{M}]/gu, '')];
}
