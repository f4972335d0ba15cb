import type { Browser, Page } from 'playwright-core';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { openWindow, startBrowser, type Window } from '../support/browser.ts';
import { guest, type Person } from '../support/client.ts';

let browser: Browser;
let url: string;
let host: Person;
let counter = 0;
const windows: Window[] = [];

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  host = await guest(url, 'Grace');
  browser = await startBrowser();
  return async () => {
    await browser.close();
    await app.stop();
  };
});
afterEach(() => Promise.all(windows.splice(0).map((window) => window.close())));

async function open(): Promise<Window> {
  const window = await openWindow(browser, url);
  windows.push(window);
  return window;
}

/** Opens a room of Grace's with this many messages in a window of a guest, who has joined it. */
async function openRoom(messages: number): Promise<{ window: Window; page: Page; id: string }> {
  const name = `Room ${++counter}`;
  const { id } = (await host.ask(`mutation { createRoom(input: { name: "${name}" }) { id } }`)).createRoom;
  for (let n = 1; n <= messages; n++)
    await host.ask(
      'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id } } }',
      {
        id,
        text: `message ${n}`,
      },
    );
  const window = await open();
  const { page } = window;
  await page.getByRole('button', { name: 'Browse rooms' }).click();
  await page.getByRole('searchbox', { name: 'Search rooms' }).fill(name);
  await page.getByRole('button', { name: `Join ${name}` }).click();
  await page.getByRole('textbox', { name: `Message to ${name}` }).waitFor();
  return { window, page, id };
}

test('a message stays in its place while older ones of the same day are loaded above it', async () => {
  const { window, page } = await openRoom(130);
  const log = page.getByRole('log');
  const top = (text: string) =>
    log.getByText(text, { exact: true }).evaluate((element) => element.getBoundingClientRect().top);
  await log.getByText('message 90', { exact: true }).waitFor();
  const before = await log.evaluate((box) => {
    box.scrollTop = 0;
    return box.querySelector('.message-text')?.textContent ?? '';
  });
  const wasAt = await top(before);
  await log.getByText('message 40', { exact: true }).waitFor({ state: 'attached' });
  expect(Math.abs((await top(before)) - wasAt)).toBeLessThan(3);
  for (let loaded = 0; loaded < 3; loaded++) {
    await log.evaluate((box) => {
      box.scrollTop = 0;
    });
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
  await log.getByText('message 1', { exact: true }).waitFor({ state: 'attached' });
  expect(window.problems).toEqual([]);
});

test('Shift+Tab goes from the composer to the last message, and its actions are reached from there alone', async () => {
  const { window, page } = await openRoom(2);
  await page.keyboard.type('my own');
  await page.keyboard.press('Enter');
  await page.getByRole('log').getByText('my own').waitFor();
  const focused = () => page.evaluate(() => document.activeElement?.closest('[data-key]')?.textContent ?? null);
  const isOnAction = () => page.evaluate(() => document.activeElement?.closest('[role=toolbar]') !== null);
  for (let presses = 0; presses < 3 && (await focused()) === null; presses++) await page.keyboard.press('Shift+Tab');
  expect(await focused()).toContain('my own');
  expect(await isOnAction()).toBe(false);
  await page.keyboard.press('Tab');
  expect(await isOnAction()).toBe(true);
  expect(window.problems).toEqual([]);
});

test('a busy room is shown without an error, and all its members can be listed', async () => {
  const { window, page, id } = await openRoom(0);
  const devtools = await page.context().newCDPSession(page);
  const others = await Promise.all(Array.from({ length: 300 }, (_, n) => guest(url, `Member ${n + 1}`)));
  // Many changes wait for a slow machine and come in one task.
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: 8 });
  await Promise.all(others.map((one) => one.ask('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id })));
  await page.getByText('302 members').waitFor();
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: 1 });
  await page.getByRole('button', { name: 'Members' }).click();
  const list = page.getByRole('complementary', { name: 'Members' });
  for (const count of [100, 200, 300]) {
    await vi.waitFor(async () => expect(await list.getByRole('listitem').count()).toBe(count));
    await list.getByRole('button', { name: 'Show more' }).click();
  }
  await vi.waitFor(async () => expect(await list.getByRole('listitem').count()).toBe(302));
  expect(window.problems).toEqual([]);
});

test('leaving the queue is final, whichever comes first, the response or the event', async () => {
  const { page, problems } = await open();
  const told = new Promise<void>((resolve) => {
    let isLeaving = false;
    page.on('request', (request) => {
      isLeaving ||= request.postData()?.includes('"Unmatch"') ?? false;
    });
    page.on('websocket', (socket) => {
      socket.on('framereceived', ({ payload }) => {
        if (isLeaving && String(payload).includes('"next"')) resolve();
      });
    });
  });
  await page.route('**/graphql', async (route) => {
    if (!route.request().postData()?.includes('"Unmatch"')) return route.continue();
    const response = await route.fetch();
    await told;
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    await route.fulfill({ response });
  });
  await page.reload();
  await page.getByLabel('Your name').fill('Ada');
  await page.getByRole('button', { name: 'Find a stranger' }).click();
  await page.getByText('Looking for someone').first().waitFor();
  await page.getByRole('button', { name: 'Leave' }).click();
  await page.getByRole('button', { name: 'Leave' }).waitFor({ state: 'detached' });
  const [bob, eve] = [await guest(url, 'Bob'), await guest(url, 'Eve')];
  const find = 'mutation { match(input: {}) { status partner { name } } }';
  expect((await bob.ask(find)).match.status).toBe('WAITING');
  await eve.ask(find);
  await vi.waitFor(async () =>
    expect((await bob.ask('{ match { partner { name } } }')).match.partner?.name).toBe('Eve'),
  );
  expect(problems).toEqual([]);
});

test('the title tells of a match that was found while the page was hidden until the page is seen', async () => {
  const { page, problems } = await open();
  const show = (hidden: boolean) =>
    page.evaluate((isHidden) => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => isHidden });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
  await page.getByLabel('Your name').fill('Ada');
  await page.getByRole('button', { name: 'Find a stranger' }).click();
  await page.getByText('Looking for someone').first().waitFor();
  await show(true);
  const bob = await guest(url, 'Bob');
  await bob.ask('mutation { match(input: {}) { status } }');
  await vi.waitFor(async () => expect(await page.title()).toContain('Bob'));
  await show(false);
  await vi.waitFor(async () => expect(await page.title()).not.toContain('Bob'));
  await show(true);
  const { match } = await bob.ask('{ match { channel { id } } }');
  const id = match.channel.id;
  await bob.ask('mutation ($id: ID!) { send(input: { channelId: $id, text: "Are you there?" }) { message { id } } }', {
    id,
  });
  expect(await page.title()).not.toContain('Bob');
  expect(problems).toEqual([]);
});
