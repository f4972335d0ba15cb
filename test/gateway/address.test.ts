import { beforeAll, describe, expect, it } from 'vitest';
import {
  addressGroup,
  addressSite,
  isInRanges,
  normalizeAddress,
  readTrustedProxies,
  siteFactor,
  urlHost,
} from '../../api/address.ts';
import { createRateLimits, noRateLimits } from '../../api/domain/rate-limits.ts';
import { createCallers } from '../../api/gateway/auth/caller.ts';
import { createConnectionLimits } from '../../api/gateway/connection-limits.ts';
import { createMemoryState } from '../../api/infra/state/memory.ts';
import { startGateway } from '../support/gateway.ts';
import { createTestLogger } from '../support/logger.ts';
import { execute } from '../support/wire.ts';

describe('an address', () => {
  it.each([
    // Spellings of one IPv4 address, which a port or a mapping into IPv6 does not change.
    ['203.0.113.9', '203.0.113.9', '203.0.113.9', null],
    [' 203.0.113.9 ', '203.0.113.9', '203.0.113.9', null],
    ['203.0.113.9:443', '203.0.113.9', '203.0.113.9', null],
    ['203.0.113.9:', '203.0.113.9', '203.0.113.9', null],
    ['[203.0.113.9]:443', '203.0.113.9', '203.0.113.9', null],
    ['"203.0.113.9:443"', '203.0.113.9', '203.0.113.9', null],
    ['::ffff:203.0.113.9', '203.0.113.9', '203.0.113.9', null],
    ['::FFFF:CB00:7109', '203.0.113.9', '203.0.113.9', null],
    ['[::ffff:203.0.113.9]:443', '203.0.113.9', '203.0.113.9', null],
    ['0:0:0:0:0:ffff:203.0.113.9', '203.0.113.9', '203.0.113.9', null],
    ['::203.0.113.9', '203.0.113.9', '203.0.113.9', null],
    ['::cb00:7109', '203.0.113.9', '203.0.113.9', null],
    // IPv6 addresses that carry an IPv4 address: IPv4-translated, NAT64, 6to4, Teredo.
    ['::ffff:0:203.0.113.9', '::ffff:0:cb00:7109', '203.0.113.9', null],
    ['64:ff9b::203.0.113.9', '64:ff9b::cb00:7109', '203.0.113.9', null],
    ['2002:cb00:7109:1::1', '2002:cb00:7109:1::1', '203.0.113.9', null],
    ['2001:0:4136:e378:8000:63bf:34ff:8ef6', '2001:0:4136:e378:8000:63bf:34ff:8ef6', '203.0.113.9', null],
    // IPv6.
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['2001:DB8:1:2:0::1', '2001:db8:1:2::1', '2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['[2001:db8::1]:443', '2001:db8::1', '2001:db8::/64', '2001:db8::/48'],
    ['"[2001:db8::1]"', '2001:db8::1', '2001:db8::/64', '2001:db8::/48'],
    ['2001:db8:1:2:3:4:5:6:443', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['fe80::1%eth0', 'fe80::1', 'fe80::/64', null],
    ['[fe80::1%25eth0]:80', 'fe80::1', 'fe80::/64', null],
    ['::1', '::1', '::/64', null],
    ['::', '::', '::/64', null],
  ])('%j is read as %j and counts as %j and %j', (text, address, group, site) => {
    expect([normalizeAddress(text), addressGroup(text), addressSite(text)]).toEqual([address, group, site]);
    expect([addressGroup(address), addressSite(address)]).toEqual([group, site]);
  });

  it.each([
    '',
    ' ',
    'unknown',
    '_hidden',
    'localhost',
    '203.0.113',
    '203.0.113.256',
    '203.0.113.9.1',
    '0313.0.0161.011',
    '010.1.1.1',
    '0xcb.0.0x71.9',
    '0x7f.1',
    '3405803785',
    '127.1',
    '203.0.113.9%eth0',
    '203.0.113.9/24',
    '203.0.113.9, 192.0.2.1',
    'for=203.0.113.9',
    '２０３.0.113.9',
    '[203.0.113.9',
    '[::1',
    '::1]',
    '[::1]:http',
    '::ffff:999.0.0.1',
    '2001:db8::1::2',
    '2001:db8::12345',
    '1:2:3:4:5:6:7',
    '%',
  ])('%j is none, and counts as itself', (text) => {
    expect([normalizeAddress(text), addressGroup(text), addressSite(text)]).toEqual([null, text, null]);
  });

  it.each([
    ['0.0.0.0', 'localhost'],
    ['::', 'localhost'],
    ['127.0.0.1', 'localhost'],
    ['192.0.2.7', '192.0.2.7'],
    ['::1', '[::1]'],
    ['fe80::1%eth0', '[fe80::1%25eth0]'],
    ['chat.example.org', 'chat.example.org'],
  ])('%s has the host %s in a URL', (address, host) => {
    expect(urlHost(address)).toBe(host);
    if (!address.includes('%')) expect(URL.canParse(`http://${host}:4000/graphql`)).toBe(true);
  });
});

describe('trusted proxies', () => {
  const settings: [string, ReturnType<typeof readTrustedProxies>][] = [
    ['off', 0],
    ['0', 0],
    [' ON ', 1],
    ['2', 2],
    ['10.0.0.0/8, ::1,', ['10.0.0.0/8', '::1']],
    ['::ffff:10.0.0.0/104', ['::ffff:10.0.0.0/104']],
    ['0.0.0.0/0', ['0.0.0.0/0']],
  ];
  it.each(settings)('%j is %j', (text, expected) => {
    expect(readTrustedProxies(text)).toEqual(expected);
  });

  it.each([
    '',
    ',',
    // A lenient parser would read each of the next as an address: 100 as 0.0.0.100.
    '100',
    '-1',
    '1.5',
    '127.1',
    '0x7f.1',
    '010.0.0.0/8',
    '10.0.0.0/33',
    '::/129',
    '::ffff:10.0.0.0/95',
    'true',
    'loopback',
    '10.0.0.1 10.0.0.2',
    '10.0.0.1:80',
    '[::1]:80',
    'fe80::1%eth0',
  ])('%j is refused', (text) => {
    expect(readTrustedProxies(text)).toBeNull();
  });

  it('match an address in each of its spellings', () => {
    expect(isInRanges('::ffff:10.1.2.3', ['10.0.0.0/8'])).toBe(true);
    expect(isInRanges('10.1.2.3', ['::ffff:10.0.0.0/104'])).toBe(true);
    expect(isInRanges('10.1.2.3', ['::/0', '11.0.0.0/8', '10.1.2.4'])).toBe(false);
    expect(isInRanges('fe80::1%eth0', ['fe80::/10'])).toBe(true);
    expect(isInRanges('unknown', ['0.0.0.0/0', '::/0'])).toBe(false);
  });
});

describe('X-Forwarded-For', () => {
  const peer = '192.0.2.7';
  const clientOf = (
    trusted: number | string[],
    forwarded: string | undefined,
    remoteAddress: string | undefined = peer,
  ) =>
    createCallers({ trusted, logger: createTestLogger() }).read({
      headers: { 'x-forwarded-for': forwarded },
      socket: { remoteAddress },
    } as never).address;

  it.each([
    ['from a peer that is not trusted', 0, '198.51.100.1', peer],
    ['from a peer that is not listed', ['192.0.2.8'], '198.51.100.1', peer],
    ['that is missing', 1, undefined, peer],
    ['that is empty', 1, ' , ,', peer],
    ['that the client has begun', 1, '203.0.113.66, 198.51.100.1', '198.51.100.1'],
    ['of two proxies', 2, '203.0.113.66, 198.51.100.1, 10.0.0.1', '198.51.100.1'],
    ['of fewer proxies than are trusted', 3, '198.51.100.1', '198.51.100.1'],
    ['with empty items', 2, '198.51.100.1, , 10.0.0.1,,', '198.51.100.1'],
    ['without spaces', 2, '198.51.100.1,10.0.0.1', '198.51.100.1'],
    ['with a port', 1, '198.51.100.1:51234', '198.51.100.1'],
    ['with a port after IPv6', 1, '[2001:db8::1]:51234', '2001:db8::1'],
    ['with a zone', 1, 'fe80::1%eth0', 'fe80::1'],
    ['with a mapped address', 1, '::ffff:198.51.100.1', '198.51.100.1'],
    ['without an address', 1, 'unknown', peer],
    ['with a hidden address', 2, '_hidden, 10.0.0.1', '10.0.0.1'],
    ['with an octal address', 1, '0306.51.100.1', peer],
    ['with listed proxies', ['192.0.2.0/24', '10.0.0.0/8'], '203.0.113.66, 198.51.100.1, 10.0.0.1', '198.51.100.1'],
    ['with nothing but listed proxies', ['192.0.2.0/24', '10.0.0.0/8'], '10.0.0.2, 10.0.0.1', '10.0.0.2'],
    ['of ten thousand items', 1, `${'203.0.113.66,'.repeat(9_999)}198.51.100.1`, '198.51.100.1'],
    ['of ten thousand listed proxies', ['192.0.2.7', '10.0.0.1'], '10.0.0.1,'.repeat(10_000), '10.0.0.1'],
  ])('%s', (_, trusted, forwarded, client) => {
    expect(clientOf(trusted, forwarded)).toBe(client);
  });

  it('is not read where the connection has closed', () => {
    expect(clientOf(['192.0.2.7'], '198.51.100.1', '')).toBe('unknown');
  });
});

describe('over HTTP', () => {
  let url: string;
  beforeAll(async () => {
    const { gateway, url: of } = await startGateway({ trustProxy: ['127.0.0.0/8', '203.0.113.0/24'] });
    url = of;
    return () => gateway.stop();
  });

  it.each([
    ['X-Forwarded-For', { 'x-forwarded-for': '198.51.100.1, 10.0.0.1, 203.0.113.9:80' }, '10.0.0.1'],
    ['Forwarded, which a client can forge', { forwarded: 'for=198.51.100.1' }, '127.0.0.1'],
    ['X-Real-IP, which a client can forge', { 'x-real-ip': '198.51.100.1' }, '127.0.0.1'],
  ])('the client is read from %s', async (_, headers, address) => {
    expect(await execute(url, '{ address }', { headers })).toEqual({ data: { address } });
  });

  it('several headers are one list', async () => {
    const headers = new Headers();
    headers.append('x-forwarded-for', '198.51.100.1');
    headers.append('x-forwarded-for', '203.0.113.9');
    const given = Object.fromEntries(headers);
    expect(await execute(url, '{ address }', { headers: given })).toEqual({ data: { address: '198.51.100.1' } });
  });
});

describe('the networks of a /48 prefix', () => {
  const inNetwork = (n: number) => `2001:db8:1:${n.toString(16)}::1`;

  it(`share ${siteFactor} times the rate of one address`, async () => {
    const refused: string[] = [];
    const { limits } = createMemoryState();
    const rateLimits = createRateLimits({
      limits,
      onRefused: (name) => refused.push(name),
      logger: createTestLogger(),
    });
    const limit = rateLimits.ofAddress('tries', { points: 2, windowMs: 60_000 });
    for (let n = 0; n < siteFactor; n++) {
      await limit.take(inNetwork(n));
      await limit.take(inNetwork(n));
    }
    await expect(limit.take(inNetwork(siteFactor))).rejects.toThrow('Too many requests');
    await expect(limit.take(inNetwork(0))).rejects.toThrow('Too many requests');
    await limit.take('2001:db8:2::1');
    await noRateLimits.ofAddress('tries', { points: 1, windowMs: 1 }).take(inNetwork(0));
    expect(refused).toEqual(['tries', 'tries']);
  });

  it(`share ${siteFactor} times the connections of one address`, () => {
    const bounds = { node: 1_000, perAddress: 2, perAddressAnonymous: 1, perUser: 1 };
    const limits = createConnectionLimits(bounds, () => {});
    const networks = Array.from({ length: siteFactor * 2 + 1 }, (_, n) => inNetwork(n));
    const places = networks.map((address) => limits.enter(address));
    expect(places.filter((place) => place === null)).toHaveLength(1);
    const anonymous = places.filter((place) => place?.identify(null));
    expect(anonymous).toHaveLength(siteFactor);
    for (const place of places) place?.release();
    expect(networks.slice(0, siteFactor * 2).every((address) => limits.enter(address) !== null)).toBe(true);
  });
});
