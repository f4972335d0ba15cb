import { isIPv4, isIPv6 } from 'node:net';

/**
 * Returns the group of an address by which attempts are counted: an IPv4 address itself, also where it is written as IPv6
 * (`::ffff:…`); the /64 network of an IPv6 address, because one customer has all addresses of it (RFC 6177); any other text
 * as it is.
 */
export function addressGroup(address: string): string {
  const [plain = ''] = address.split('%');
  const mapped = /^::ffff:([\d.]+)$/i.exec(plain)?.[1];
  if (mapped !== undefined && isIPv4(mapped)) return mapped;
  if (!isIPv6(plain)) return address;
  const groups = expand(plain);
  if (groups.slice(0, 5).every((group) => group === '0') && groups[5] === 'ffff') return toIPv4(groups.slice(6));
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/** Returns the eight groups of an IPv6 address, in lower case and without leading zeros. */
function expand(address: string): string[] {
  const [left = '', right] = address.replace(/[\d.]+$/, toGroups).split('::');
  const before = left.split(':').filter(Boolean);
  const after = (right ?? '').split(':').filter(Boolean);
  const between = Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  return [...before, ...between, ...after].map((group) => Number.parseInt(group, 16).toString(16));
}

/** Returns the two groups for an IPv4 address at the end of an IPv6 address; other text as it is. */
function toGroups(end: string): string {
  if (!isIPv4(end)) return end;
  const [a = 0, b = 0, c = 0, d = 0] = end.split('.').map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

function toIPv4(groups: readonly string[]): string {
  return groups
    .map((group) => Number.parseInt(group, 16))
    .flatMap((value) => [Math.floor(value / 256), value % 256])
    .join('.');
}
