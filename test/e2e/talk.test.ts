import type { Browser, Request } from 'playwright-core';
import sharp from 'sharp';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { openWindow, overflowing, said, say, startBrowser, type Window } from '../support/browser.ts';
import { guest } from '../support/client.ts';
import { type Network, startNetwork } from '../support/network.ts';
import { startOwnS3 } from '../support/services/s3.ts';

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

/** Opens a window of a guest who searches for a stranger. */
async function findStranger(name: string, at = url, width?: number): Promise<Window> {
  const window = await open(at, width);
  await window.page.getByLabel('Your name').fill(name);
  await window.page.getByRole('button', { name: 'Find a stranger' }).click();
  return window;
}

async function expectTalking({ page }: Window, partner: string): Promise<void> {
  await page.getByRole('textbox', { name: `Message to ${partner}` }).waitFor();
}

test('two strangers are matched and talk, and one resumes after an outage without a gap', async () => {
  const ada = await findStranger('Ada', network.url, 360);
  await ada.page.getByText('Looking for someone').first().waitFor();
  const bob = await findStranger('Bob');
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

  await vi.waitFor(async () => expect(await said(bob)).toHaveLength(6));
  await vi.waitFor(async () => expect(await said(ada)).toEqual(await said(bob)));
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
  await vi.waitFor(async () => expect(await said(ada)).toEqual(await said(bob)));
  expect(bob.problems).toEqual([]);
});

test('going on to the next stranger tells the partner, and both can find a new match', async () => {
  const ada = await findStranger('Ada');
  const bob = await findStranger('Bob');
  await Promise.all([expectTalking(ada, 'Bob'), expectTalking(bob, 'Ada')]);

  await bob.page.getByRole('button', { name: 'Next' }).click();
  await ada.page.getByText('Bob has left.').waitFor();
  await bob.page.getByText('Looking for someone').first().waitFor();
  const eve = await findStranger('Eve');
  await Promise.all([expectTalking(bob, 'Eve'), expectTalking(eve, 'Bob')]);

  await eve.page.getByRole('textbox').fill('half a thought');
  await eve.page.getByRole('button', { name: 'Leave' }).click();
  await eve.page.getByRole('dialog').getByText('It will be lost if you leave.').waitFor();
  await eve.page.getByRole('button', { name: 'Keep writing' }).click();
  expect(await eve.page.getByRole('textbox').inputValue()).toBe('half a thought');
  await eve.page.getByRole('button', { name: 'Leave' }).click();
  await eve.page.getByRole('dialog').getByRole('button', { name: 'Leave' }).click();
  await bob.page.getByText('Eve has left.').waitFor();

  await ada.page.getByRole('button', { name: 'Next' }).click();
  const kim = await findStranger('Kim');
  await Promise.all([expectTalking(ada, 'Kim'), expectTalking(kim, 'Ada')]);
  expect([...ada.problems, ...bob.problems, ...eve.problems, ...kim.problems]).toEqual([]);
});

test('a room can be created, found, joined and used with the keyboard alone', async () => {
  const ada = await open(url);
  await ada.page.getByRole('button', { name: 'Browse rooms' }).press('Enter');
  await ada.page.getByText('No rooms yet').waitFor();
  await ada.page.getByRole('button', { name: 'New room' }).first().press('Enter');
  await ada.page.getByLabel('Room name').pressSequentially('Sunday cooks');
  await ada.page.keyboard.press('Enter');
  await ada.page.getByRole('textbox', { name: 'Message to Sunday cooks' }).waitFor();
  await ada.page.keyboard.type('first line');
  await ada.page.keyboard.press('Shift+Enter');
  await ada.page.keyboard.type('second line');
  await ada.page.keyboard.press('Enter');
  await vi.waitFor(async () => expect(await said(ada)).toEqual(['first line\nsecond line']));

  const bob = await open(url);
  await bob.page.getByRole('button', { name: 'Browse rooms' }).press('Enter');
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

test('the link of a room offers to join it, and the link of an unknown channel says that it is not found', async () => {
  const owner = await guest(url, 'Grace');
  const { createRoom } = await owner.ask('mutation { createRoom(input: { name: "Evening walks" }) { id } }');
  const { page, problems } = await open(url);
  await page.getByRole('button', { name: 'Browse rooms' }).click();
  await page.getByRole('link', { name: 'Rooms' }).waitFor();

  await page.evaluate(() => {
    window.location.hash = '#/channel/unknown';
  });
  await page.getByText('Conversation not found').waitFor();
  await page.evaluate((id) => {
    window.location.hash = `#/channel/${id}`;
  }, createRoom.id);
  await page.getByText('You are not a member of this room').waitFor();
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await page.getByRole('textbox', { name: 'Message to Evening walks' }).waitFor();
  expect(problems).toEqual([]);
});

test('pictures are shown as thumbnails and in full size, and other files as links', async () => {
  const ada = await findStranger('Ada', url, 360);
  const bob = await findStranger('Bob');
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
  await ada.page.getByText('This file is damaged').waitFor();
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
    const [tab] = await Promise.all([page.context().waitForEvent('page'), page.locator('a.picture').click()]);
    await vi.waitFor(async () => expect(await tab.evaluate(() => document.images[0]?.naturalWidth)).toBe(1_200));
    await tab.close();
    const file = page.getByRole('link', { name: /notes\.txt/ });
    const text = await page.request.get(new URL((await file.getAttribute('href')) ?? '', url).href);
    expect(await text.text()).toBe('Remember the milk');
  }
  expect(await overflowing(ada)).toEqual([]);
  expect([...ada.problems, ...bob.problems]).toEqual([]);
});

test('files can be dropped and chosen, surplus files are left out, and removing a file aborts its upload', async () => {
  const ada = await findStranger('Ada');
  const bob = await findStranger('Bob');
  await expectTalking(ada, 'Bob');
  const { page } = ada;
  const dropped = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['Remember the milk'], 'notes.txt'));
    return transfer;
  });
  await page.locator('.conversation').dispatchEvent('drop', { dataTransfer: dropped });
  await page.getByText('Ready to send').waitFor();
  await page.getByRole('button', { name: 'Send' }).click();
  await bob.page.getByRole('link', { name: /notes\.txt/ }).waitFor();

  const files = Array.from({ length: 12 }, (_, n) => ({ name: `${n}.txt`, mimeType: '', buffer: Buffer.from('x') }));
  await page.route('**/graphql', (route) => (isUpload(route.request()) ? undefined : route.continue()));
  await page.locator('input[type=file]').setInputFiles(files);
  await page.getByText('2 files were left out: a message can have at most 10.').waitFor();
  const ended = page.waitForEvent('requestfailed', (request) => isUpload(request));
  await page.getByRole('button', { name: 'Remove 3.txt' }).click();
  expect((await ended).failure()?.errorText).toContain('ABORTED');
  expect(await page.getByText('left out').count()).toBe(0);
  expect(await page.getByRole('button', { name: /^Remove/ }).count()).toBe(9);
});

const isUpload = (request: Request) => (request.headers()['content-type'] ?? '').startsWith('multipart/form-data');

test('pictures are shown when the object store serves them', async () => {
  const { address, stop } = await startOwnS3();
  const app = await startApp({
    S3_ENDPOINT: address.endpoint,
    S3_BUCKET: 'pictures',
    S3_ACCESS_KEY_ID: address.accessKeyId,
    S3_SECRET_ACCESS_KEY: address.secretAccessKey,
    S3_DIRECT_READS: 'on',
  });
  try {
    const ada = await findStranger('Ada', app.url);
    const bob = await findStranger('Bob', app.url);
    await expectTalking(ada, 'Bob');
    const buffer = await sharp({ create: { width: 900, height: 600, channels: 3, background: 'gold' } })
      .png()
      .toBuffer();
    await ada.page.locator('input[type=file]').setInputFiles([{ name: 'sun.png', mimeType: 'image/png', buffer }]);
    await ada.page.getByText('Ready to send').waitFor();
    await ada.page.getByRole('button', { name: 'Send' }).click();
    const shown = bob.page.getByRole('img', { name: 'sun.png' });
    await vi.waitFor(
      async () => expect(await shown.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(640),
      10_000,
    );
    expect(bob.problems).toContainEqual(expect.stringContaining(`requested ${address.endpoint}/pictures/thumbnail/`));
  } finally {
    await app.stop();
    await stop();
  }
});

test('a page that stays open renews the URLs of its files', async () => {
  const ada = await findStranger('Ada');
  const bob = await open(url);
  await bob.page.clock.install();
  await bob.page.reload();
  await bob.page.getByLabel('Your name').fill('Bob');
  await bob.page.getByRole('button', { name: 'Find a stranger' }).click();
  await Promise.all([expectTalking(ada, 'Bob'), expectTalking(bob, 'Ada')]);
  await ada.page
    .locator('input[type=file]')
    .setInputFiles([{ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Remember the milk') }]);
  await ada.page.getByText('Ready to send').waitFor();
  await ada.page.getByRole('button', { name: 'Send' }).click();
  const link = bob.page.getByRole('link', { name: /notes\.txt/ });
  const before = (await link.getAttribute('href')) as string;

  const hours = 2;
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + hours * 3_600_000 });
  try {
    await bob.page.clock.fastForward(hours * 3_600_000);
    await vi.waitFor(async () => expect(await link.getAttribute('href')).not.toBe(before));
    const [old, renewed] = await Promise.all(
      [before, await link.getAttribute('href')].map((path) => fetch(new URL(path as string, url))),
    );
    expect([old?.status, renewed?.status]).toEqual([403, 200]);
  } finally {
    vi.useRealTimers();
  }
});

test('a link to a room that is opened while signed out leads there, as a guest and by way of a new account', async () => {
  const ada = await guest(url, 'Ada');
  const { id } = (await ada.ask('mutation { createRoom(input: { name: "Tea" }) { id } }')).createRoom;
  const link = `${url}/#/channel/${id}`;

  const { page: asGuest } = await open(link);
  await asGuest.getByLabel('Your name').fill('Bob');
  await asGuest.getByRole('button', { name: 'Open the conversation' }).click();
  await asGuest.getByText('You are not a member of this room').waitFor();
  expect(asGuest.url()).toBe(link);

  const { page } = await open(link);
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: 'Create an account' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Eve');
  await page.getByLabel('E-mail address').fill('eve@example.org');
  await page.getByLabel('Password').fill('seven odd geese in a row');
  await page.getByRole('button', { name: 'Create an account' }).click();
  await page.getByText('You are not a member of this room').waitFor();
  expect(page.url()).toBe(link);
});
