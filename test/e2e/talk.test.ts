import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { openWindow, overflowing, said, say, startBrowser, type Window } from '../support/browser.ts';
import { type Network, startNetwork } from '../support/network.ts';

let browser: Browser;
let url: string;
let network: Network;
const windows: Window[] = [];

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  network = await startNetwork(url);
  browser = await startBrowser();
  return async () => {
    await browser.close();
    await network.stop();
    await app.stop();
  };
});

afterEach(async () => {
  network.restore();
  await Promise.all(windows.splice(0).map((window) => window.close()));
});

async function open(at: string, width?: number): Promise<Window> {
  const window = await openWindow(browser, at, width === undefined ? {} : { width });
  windows.push(window);
  return window;
}

/** A guest who looks for a stranger. */
async function look(name: string, at = url, width?: number): Promise<Window> {
  const window = await open(at, width);
  await window.page.getByLabel('Your name here').fill(name);
  await window.page.getByRole('button', { name: 'Find a stranger' }).click();
  return window;
}

async function expectTalking({ page }: Window, partner: string): Promise<void> {
  await page.getByRole('textbox', { name: `Message to ${partner}` }).waitFor();
}

test('two strangers find each other, talk, and one comes back from an outage without a gap', async () => {
  const ada = await look('Ada', network.url, 360);
  await ada.page.getByText('Looking for someone').first().waitFor();
  const bob = await look('Bob');
  await Promise.all([expectTalking(ada, 'Bob'), expectTalking(bob, 'Ada')]);
  await say(ada, 'Hello, Bob');
  await vi.waitFor(async () => expect(await said(bob)).toEqual(['Hello, Bob']));
  await say(bob, '<img src=x onerror="document.title=1"> & https://example.org/');
  await vi.waitFor(async () => expect(await said(ada)).toHaveLength(2));
  expect(await ada.page.locator('.bubble img').count()).toBe(0);

  const before = ada.problems.length;
  expect(before).toBe(0);
  network.cut();
  await ada.page.getByText('The connection was lost').waitFor();
  for (const n of [1, 2, 3]) await say(bob, `while Ada was away ${n}`);
  await say(ada, 'written without a network');
  expect(await said(bob)).toHaveLength(5);
  network.restore();

  await vi.waitFor(async () => expect(await said(bob)).toHaveLength(6), { timeout: 20_000 });
  await vi.waitFor(async () => expect(await said(ada)).toEqual(await said(bob)), { timeout: 20_000 });
  expect(await said(ada)).toEqual([
    'Hello, Bob',
    '<img src=x onerror="document.title=1"> & https://example.org/',
    'while Ada was away 1',
    'while Ada was away 2',
    'while Ada was away 3',
    'written without a network',
  ]);
  await ada.page.getByText('The connection was lost').waitFor({ state: 'detached' });

  await ada.page.reload();
  await vi.waitFor(async () => expect(await said(ada)).toEqual(await said(bob)), { timeout: 10_000 });
  expect(bob.problems).toEqual([]);
});

test('who goes on to the next stranger tells the one that is left, who is free as well', async () => {
  const ada = await look('Ada');
  const bob = await look('Bob');
  await Promise.all([expectTalking(ada, 'Bob'), expectTalking(bob, 'Ada')]);

  await bob.page.getByRole('button', { name: 'Next' }).click();
  await ada.page.getByText('Bob has left.').waitFor();
  await bob.page.getByText('Looking for someone').first().waitFor();
  const eve = await look('Eve');
  await Promise.all([expectTalking(bob, 'Eve'), expectTalking(eve, 'Bob')]);

  await eve.page.getByRole('textbox').fill('half a thought');
  await eve.page.getByRole('button', { name: 'Leave' }).click();
  await eve.page.getByRole('dialog').getByText('What you have written here would be lost.').waitFor();
  await eve.page.getByRole('button', { name: 'Keep writing' }).click();
  expect(await eve.page.getByRole('textbox').inputValue()).toBe('half a thought');
  await eve.page.getByRole('button', { name: 'Leave' }).click();
  await eve.page.getByRole('dialog').getByRole('button', { name: 'Leave' }).click();
  await bob.page.getByText('Eve has left.').waitFor();

  await ada.page.getByRole('button', { name: 'Next' }).click();
  const kim = await look('Kim');
  await Promise.all([expectTalking(ada, 'Kim'), expectTalking(kim, 'Ada')]);
  expect([...ada.problems, ...bob.problems, ...eve.problems, ...kim.problems]).toEqual([]);
});

test('a room is made, found, joined and talked in, by the keyboard alone', async () => {
  const ada = await open(url);
  await ada.page.getByRole('button', { name: 'Look at the rooms first' }).press('Enter');
  await ada.page.getByText('No rooms yet').waitFor();
  await ada.page.getByRole('button', { name: 'New room' }).first().press('Enter');
  await ada.page.getByLabel('Name of the room').pressSequentially('Sunday cooks');
  await ada.page.keyboard.press('Enter');
  await ada.page.getByRole('textbox', { name: 'Message to Sunday cooks' }).waitFor();
  await ada.page.keyboard.type('first line');
  await ada.page.keyboard.press('Shift+Enter');
  await ada.page.keyboard.type('second line');
  await ada.page.keyboard.press('Enter');
  await vi.waitFor(async () => expect(await said(ada)).toEqual(['first line\nsecond line']));

  const bob = await open(url);
  await bob.page.getByRole('button', { name: 'Look at the rooms first' }).press('Enter');
  await bob.page.getByRole('searchbox', { name: 'Search rooms' }).pressSequentially('cooks');
  await bob.page.getByRole('button', { name: /^Join/ }).press('Enter');
  await bob.page.getByRole('textbox', { name: 'Message to Sunday cooks' }).waitFor();
  await bob.page.keyboard.type('good evening');
  await bob.page.keyboard.press('Enter');
  await vi.waitFor(async () => expect(await said(ada)).toEqual(['first line\nsecond line', 'good evening']));
  await ada.page.getByText('2 members').waitFor();

  await ada.page.keyboard.press('ArrowUp');
  expect(await ada.page.getByRole('textbox').inputValue()).toBe('first line\nsecond line');
  await ada.page.keyboard.type(', changed');
  await ada.page.keyboard.press('Enter');
  await vi.waitFor(async () => expect((await said(bob))[0]).toBe('first line\nsecond line, changed'));
  expect([...ada.problems, ...bob.problems]).toEqual([]);
});

test('somebody sends files: pictures are shown to both, small and whole, and anything else is offered', async () => {
  const ada = await look('Ada', url, 360);
  const bob = await look('Bob');
  await Promise.all([expectTalking(ada, 'Bob'), expectTalking(bob, 'Ada')]);
  const picture = await sharp({ create: { width: 1_200, height: 800, channels: 3, background: 'seagreen' } })
    .jpeg()
    .toBuffer();
  await ada.page.locator('input[type=file]').setInputFiles([
    { name: 'beach.jpg', mimeType: 'image/jpeg', buffer: picture },
    { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Remember the milk') },
    { name: 'broken.jpg', mimeType: 'image/jpeg', buffer: Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 0]) },
  ]);
  await ada.page.getByText('Ready to send').nth(1).waitFor();
  await ada.page.getByText('This file is broken').waitFor();
  expect(await overflowing(ada)).toEqual([]);
  await ada.page.getByRole('button', { name: 'Remove broken.jpg' }).click();
  await ada.page.getByRole('button', { name: 'Send' }).click();

  for (const { page } of [ada, bob]) {
    const shown = page.getByRole('img', { name: 'beach.jpg' });
    await shown.waitFor();
    await vi.waitFor(async () =>
      expect(await shown.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(640),
    );
    const whole = await page.request.get(
      new URL((await page.locator('a.picture').getAttribute('href')) ?? '', url).href,
    );
    expect(await sharp(await whole.body()).metadata()).toMatchObject({ format: 'jpeg', width: 1_200 });
    const file = page.getByRole('link', { name: /notes\.txt/ });
    const text = await page.request.get(new URL((await file.getAttribute('href')) ?? '', url).href);
    expect(await text.text()).toBe('Remember the milk');
  }
  expect(await overflowing(ada)).toEqual([]);
  expect([...ada.problems, ...bob.problems]).toEqual([]);
});
