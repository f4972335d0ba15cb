import ipaddr from 'ipaddr.js';

/** Bits of an IPv6 address that identify a subscriber's network; the rest is theirs to choose (RFC 6177). */
const networkBits = 64;
/** Bits of the largest prefix that a subscriber gets, from a provider or a tunnel broker (RFC 6177). */
const siteBits = 48;

/**
 * Multiple of the limit of one address that all networks of a /48 prefix have together. A prefix can belong to one subscriber,
 * who has 65,536 networks, or to the handsets of a mobile operator, with a network each.
 */
export const siteFactor = 16;

/** Stands for a client whose address is not known, because its connection has closed. */
export const unknownAddress = 'unknown';

/**
 * Returns an IP address in one spelling: IPv4 with four decimal numbers, IPv6 as in RFC 5952, and IPv4 for an IPv4-mapped or
 * IPv4-compatible IPv6 address. A port, brackets, quotes and a zone are removed.
 * @returns null if the text is not an IP address
 */
export function normalizeAddress(text: string): string | null {
  return parse(withoutPort(text))?.toString() ?? null;
}

/**
 * Returns the key by which every limit counts an address: the address itself for IPv4, its /64 network for IPv6, and the IPv4
 * address for an IPv6 address that carries one (NAT64, IPv4-translated, 6to4, Teredo). A text that is not an IP address is a
 * key of its own.
 */
export function addressGroup(address: string): string {
  const parsed = parse(withoutPort(address));
  if (parsed === null) return address;
  return embeddedIPv4(parsed) ?? prefixOf(parsed, networkBits);
}

/**
 * Returns the key by which a limit counts an IPv6 address a second time, with `siteFactor` times the points: its /48 prefix.
 * @returns null for an address that is counted as IPv4, of this machine or link, or not an IP address
 */
export function addressSite(address: string): string | null {
  const parsed = parse(withoutPort(address));
  if (parsed === null || embeddedIPv4(parsed) !== null) return null;
  return ['loopback', 'linkLocal', 'unspecified'].includes(parsed.range()) ? null : prefixOf(parsed, siteBits);
}

/** Proxies whose `X-Forwarded-For` is believed: a number of hops, or addresses and CIDR ranges. 0: none. */
export type TrustedProxies = number | readonly string[];

/**
 * Reads the setting of trusted proxies: `off`, `on` (one hop), a number of hops up to 99, or addresses and CIDR ranges
 * separated by commas.
 * @returns null if the text is none of them
 */
export function readTrustedProxies(text: string): TrustedProxies | null {
  const setting = text.trim().toLowerCase();
  if (setting === 'off') return 0;
  if (setting === 'on') return 1;
  if (/^\d{1,2}$/.test(setting)) return Number(setting);
  const ranges = setting.split(',').flatMap((range) => range.trim() || []);
  return ranges.length > 0 && ranges.every((range) => parseRange(range) !== null) ? ranges : null;
}

/**
 * Returns whether an address belongs to one of some ranges.
 * @param ranges addresses and CIDR ranges
 */
export function isInRanges(address: string, ranges: readonly string[]): boolean {
  const parsed = parse(withoutPort(address));
  return parsed !== null && ranges.some((range) => isInRange(parsed, range));
}

/**
 * Returns the host of a URL that leads to a server which listens on an address or name: `localhost` for 127.0.0.1 and for all
 * addresses of the machine, and brackets around IPv6 (RFC 3986, section 3.2.2).
 */
export function urlHost(host: string): string {
  if (['0.0.0.0', '::', '127.0.0.1'].includes(normalizeAddress(host) ?? '')) return 'localhost';
  return host.includes(':') ? `[${host.replace('%', '%25')}]` : host;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Other notations of IPv4, such as octal and hexadecimal, and those with fewer numbers are not addresses here. */
function parse(text: string): Address | null {
  if (!text.includes(':')) return ipaddr.IPv4.isValidFourPartDecimal(text) ? ipaddr.IPv4.parse(text) : null;
  const bare = text.replace(/%.*$/, '');
  if (!ipaddr.IPv6.isValid(bare)) return null;
  const address = ipaddr.process(bare);
  return address instanceof ipaddr.IPv6 && isIPv4Compatible(address) ? lastIPv4(address) : address;
}

/** `::a.b.c.d` (RFC 4291, section 2.5.5.1), which is neither `::` nor `::1`. */
function isIPv4Compatible({ parts }: ipaddr.IPv6): boolean {
  return parts.slice(0, 6).every((part) => part === 0) && parts[6] !== 0;
}

/** Returns the IPv4 address that an IPv6 address stands for by the rules of its range; null if it stands for none. */
function embeddedIPv4(address: Address): string | null {
  if (address instanceof ipaddr.IPv4) return address.toString();
  const [, high = 0, low = 0] = address.parts;
  const [complementOfHigh = 0, complementOfLow = 0] = address.parts.slice(6);
  switch (address.range() as string) {
    // NAT64 (RFC 6052) and stateless translation (RFC 6145).
    case 'rfc6052':
    case 'rfc6145':
      return lastIPv4(address).toString();
    // RFC 3056, section 2.
    case '6to4':
      return toIPv4(high, low).toString();
    // RFC 4380, section 4.
    case 'teredo':
      return toIPv4(complementOfHigh ^ 0xff_ff, complementOfLow ^ 0xff_ff).toString();
    default:
      return null;
  }
}

function lastIPv4({ parts }: ipaddr.IPv6): ipaddr.IPv4 {
  const [high = 0, low = 0] = parts.slice(6);
  return toIPv4(high, low);
}

function toIPv4(high: number, low: number): ipaddr.IPv4 {
  return new ipaddr.IPv4([high >> 8, high & 0xff, low >> 8, low & 0xff]);
}

function prefixOf(address: Address, bits: number): string {
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/${bits}`)}/${bits}`;
}

/** Returns a range as a network and the number of its bits, in IPv4 if it is IPv4-mapped; null if it is not a range. */
function parseRange(text: string): [Address, number] | null {
  const [, network = '', bits] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = parse(network);
  if (address === null) return null;
  const size = address instanceof ipaddr.IPv4 ? 32 : 128;
  const given = bits === undefined ? size : Number(bits) - (network.includes(':') ? 128 - size : 0);
  return given >= 0 && given <= size ? [address, given] : null;
}

function isInRange(address: Address, range: string): boolean {
  const [network, bits] = parseRange(range) ?? [];
  if (network === undefined || network.kind() !== address.kind()) return false;
  return address.match(network as ipaddr.IPv4, bits ?? 0);
}

/**
 * Some proxies append the client's port, `203.0.113.9:1234` or `[2001:db8::1]:1234`, a few of them without brackets; others
 * quote the whole, as the values of `Forwarded` are.
 */
function withoutPort(text: string): string {
  const bare = text.trim().replace(/^"(.*)"$/, '$1');
  const [, bracketed] = /^\[([^\]]*)\](?::\d*)?$/.exec(bare) ?? [];
  return bracketed ?? bare.replace(/^([^:]+|(?:[\da-f]{1,4}:){7}[\da-f]{1,4}):\d*$/i, '$1');
}
