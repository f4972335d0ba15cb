import ipaddr from 'ipaddr.js';

/** Bits of an IPv6 address that identify a subscriber's network; the rest is theirs to choose (RFC 6177). */
const networkBits = 64;

/**
 * Returns an IP address in one spelling: an IPv4-mapped IPv6 address becomes IPv4, a port and a zone are removed.
 * @returns null if the text is not an IP address
 */
export function normalizeAddress(text: string): string | null {
  const bare = withoutPort(text.trim()).replace(/%.*$/, '');
  // Other notations of IPv4, such as octal, are not addresses here.
  if (!bare.includes(':') && !ipaddr.IPv4.isValidFourPartDecimal(bare)) return null;
  return ipaddr.isValid(bare) ? ipaddr.process(bare).toString() : null;
}

/**
 * Returns the group by which a limit counts an address: the address itself for IPv4, its /64 network for IPv6. A text that
 * is not an IP address is a group of its own.
 */
export function addressGroup(address: string): string {
  const normal = normalizeAddress(address);
  if (normal === null || !normal.includes(':')) return normal ?? address;
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${normal}/${networkBits}`)}/${networkBits}`;
}

/** Proxies whose `X-Forwarded-For` is believed: a number of hops, or addresses and CIDR ranges. 0: none. */
export type TrustedProxies = number | readonly string[];

/**
 * Reads the setting of trusted proxies: `off`, `on` (one hop), a number of hops, or addresses and CIDR ranges separated by
 * commas.
 * @returns null if the text is none of them
 */
export function readTrustedProxies(text: string): TrustedProxies | null {
  if (text === 'off') return 0;
  if (text === 'on') return 1;
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const ranges = text.split(',').map((range) => range.trim());
  return ranges.every((range) => ipaddr.isValid(range) || ipaddr.isValidCIDR(range)) ? ranges : null;
}

/**
 * Returns whether an address belongs to one of some ranges.
 * @param ranges addresses and CIDR ranges
 */
export function isInRanges(address: string, ranges: readonly string[]): boolean {
  const normal = normalizeAddress(address);
  if (normal === null) return false;
  const parsed = ipaddr.parse(normal);
  return ranges.some((range) => {
    const [network, bits] = ipaddr.isValidCIDR(range) ? ipaddr.parseCIDR(range) : [ipaddr.process(range), null];
    if (network.kind() !== parsed.kind()) return false;
    return bits === null ? network.toString() === normal : parsed.match(network as ipaddr.IPv4, bits);
  });
}

/** Some proxies append the client's port: `203.0.113.9:1234`, `[2001:db8::1]:1234`. */
function withoutPort(text: string): string {
  const [, bracketed] = /^\[([^\]]*)\](?::\d+)?$/.exec(text) ?? [];
  return bracketed ?? text.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
}
