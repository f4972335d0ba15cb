let loaded: Promise<ReadonlySet<string>> | undefined;

/**
 * Returns whether a password is on a list of the 49,000 most common ones, in any case. The list is loaded by the first call
 * and then takes 3 MB.
 */
export async function isCommonPassword(password: string): Promise<boolean> {
  loaded ??= load();
  return (await loaded).has(password.toLowerCase());
}

async function load(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common');
  return new Set(dictionary['passwords-common']);
}
