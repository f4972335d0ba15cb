import { expect, it } from 'vitest';
import { addressGroup, normalizeAddress, readTrustedProxies } from '../../api/address.ts';
import { startGateway } from '../support/gateway.ts';
import { execute } from '../support/wire.ts';

it.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
  ['unknown', 'unknown'],
])('the address %s counts as %s', (address, group) => {
  expect(addressGroup(address)).toBe(group);
});

it.each([
  ['203.0.113.9:443', '203.0.113.9'],
  ['[2001:db8::1]:443', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['0x7f.1', null],
  ['nobody', null],
])('%s is read as %s', (text, address) => {
  expect(normalizeAddress(text)).toBe(address);
});

it('trusted proxies are a number of hops or a list', () => {
  expect(['off', 'on', '2', '10.0.0.0/8, ::1'].map(readTrustedProxies)).toEqual([0, 1, 2, ['10.0.0.0/8', '::1']]);
  expect(readTrustedProxies('10.0.0.0/99')).toBeNull();
});

it.each([
  ['two hops', 2, '10.0.0.1'],
  ['one hop', 1, '203.0.113.9'],
  ['a list', ['127.0.0.0/8', '203.0.113.0/24'], '10.0.0.1'],
  ['a list without the peer', ['192.0.2.1'], '127.0.0.1'],
])('behind %s the client is the address before the trusted proxies', async (_, trustProxy, address) => {
  const { gateway, url } = await startGateway({ trustProxy });
  const headers = { 'x-forwarded-for': '198.51.100.1, 10.0.0.1, 203.0.113.9' };
  expect(await execute(url, '{ address }', { headers })).toEqual({ data: { address } });
  await gateway.stop();
});
