import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { createFileUrls } from '../../api/domain/file-urls.ts';

const windowMs = 300_000;
const id = randomUUID();
const clock = { now: 1_000 * windowMs };
const urls = createFileUrls({ secrets: ['secret of the test'], publicUrl: '', windowMs, now: () => clock.now });
const queryOf = (url: string) => new URL(url, 'http://localhost').searchParams;

it('file URLs are equal within a window, and valid for one to two windows', () => {
  clock.now = 1_000 * windowMs;
  const first = urls.url(id, 'file', 'a.txt');
  clock.now += windowMs - 1;
  expect(urls.url(id, 'file', 'a.txt')).toBe(first);
  expect(urls.isValid(id, 'file', queryOf(first))).toBe(true);
  expect(urls.expiresAt().getTime()).toBe(1_002 * windowMs);
  clock.now = 1_002 * windowMs - 1;
  expect(urls.isValid(id, 'file', queryOf(first))).toBe(true);
  clock.now += 1;
  expect(urls.isValid(id, 'file', queryOf(first))).toBe(false);
  expect(urls.url(id, 'file', 'a.txt')).not.toBe(first);
});

it('a file URL is valid for one file, one variant and one secret', () => {
  const query = queryOf(urls.url(id, 'file', 'a.txt'));
  expect(urls.isValid(id, 'file', query)).toBe(true);
  expect(urls.isValid(randomUUID(), 'file', query)).toBe(false);
  expect(urls.isValid(id, 'thumbnail', query)).toBe(false);
  const others = createFileUrls({ secrets: ['another'], publicUrl: '', windowMs, now: () => clock.now });
  expect(others.isValid(id, 'file', query)).toBe(false);
});

it('a file URL may contain any file name', () => {
  const url = urls.url(id, 'file', 'a/b?c#d ü.txt');
  expect(url).toMatch(/^\/files\/[\da-f-]{36}\/file\/a%2Fb%3Fc%23d%20%C3%BC\.txt\?expires=\d+&signature=[\w-]{43}$/);
});

it('file URLs stay valid while their secret is replaced', () => {
  const create = (...secrets: [string, ...string[]]) =>
    createFileUrls({ secrets, publicUrl: '', windowMs, now: () => clock.now });
  const [before, announced, after, done] = [create('a'), create('a', 'b'), create('b', 'a'), create('b')];
  const old = queryOf(before.url(id, 'file', 'a.txt'));
  const renewed = queryOf(after.url(id, 'file', 'a.txt'));
  expect(queryOf(announced.url(id, 'file', 'a.txt')).get('signature')).toBe(old.get('signature'));
  for (const query of [old, renewed]) {
    expect(announced.isValid(id, 'file', query)).toBe(true);
    expect(after.isValid(id, 'file', query)).toBe(true);
  }
  expect(before.isValid(id, 'file', renewed)).toBe(false);
  expect(done.isValid(id, 'file', old)).toBe(false);
});
