/**
 * Returns a password in the form that is hashed: NFKC, so that keyboards which compose accents or type full-width letters
 * differently give the same password (NIST SP 800-63B, "normalization process for stabilized strings"). It also maps spaces
 * beyond ASCII, as OpaqueString does (RFC 8265, section 4.2).
 */
export function normalisePassword(password: string): string {
  return password.normalize('NFKC');
}

/** Returns the forms of which a stored hash may be: the present one, and the password as it is, which former releases hashed. */
export function hashedPasswords(password: string): string[] {
  const normalised = normalisePassword(password);
  return normalised === password ? [password] : [normalised, password];
}
