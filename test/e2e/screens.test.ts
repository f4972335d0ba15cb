import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startApp } from '../support/app.ts';
import { openWindow, overflowing, say, startBrowser, type Window } from '../support/browser.ts';
import { guest, type Person } from '../support/client.ts';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser: Browser;
let url: string;
let host: Person;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  host = await guest(url, 'Grace');
  await host.ask(
    'mutation { createRoom(input: { name: "A room with a name that goes on for quite a while" }) { id } }',
  );
  browser = await startBrowser();
  return async () => {
    await browser.close();
    await app.stop();
  };
});

const widths = [320, 360, 768, 1280, 1600];

/** Returns the accessibility problems that axe finds on the page. */
async function violations({ page }: Window): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
  );
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
}

/** Checks the present screen and adds its problems to those of the window. */
async function check(window: Window, screen: string): Promise<void> {
  const found = [...(await overflowing(window)), ...(await violations(window))];
  window.problems.push(...found.map((problem) => `${screen}: ${problem}`));
}

async function goTo({ page }: Window, hash: string, landmark: string): Promise<void> {
  await page.evaluate((to) => {
    window.location.hash = to;
  }, hash);
  await page.getByText(landmark).filter({ visible: true }).first().waitFor();
}

describe.each(widths)('at %i px', (width) => {
  test.each([true, false])('every screen fits and is accessible (dark: %s)', async (dark) => {
    const window = await openWindow(browser, url, { width, height: 740, dark });
    const { page } = window;
    await page.getByRole('button', { name: 'Find a stranger' }).waitFor();
    await check(window, 'welcome');
    await goTo(window, '#/sign-in', 'Password');
    await check(window, 'sign-in');
    await goTo(window, '#/forgot-password', 'Send the link');
    await check(window, 'forgot password');
    await goTo(window, '#/reset-password/unknown', 'Save and sign in');
    await check(window, 'reset password');
    await goTo(window, '#/', 'Your name');
    await page.getByRole('button', { name: 'Browse rooms' }).click();
    await page.getByRole('button', { name: /^Join/ }).waitFor();
    await check(window, 'rooms');
    await page.getByRole('button', { name: /^Join/ }).click();
    await page.getByRole('textbox', { name: /^Message to/ }).waitFor();
    await say(window, `A long word: ${'x'.repeat(300)}`);
    await say(window, 'https://example.org/a/path/that/goes/on/and/on/and/on/and/on/and/on/and/on');
    await page.getByRole('button', { name: 'Members' }).click();
    await page.getByText('Owner').waitFor();
    await check(window, 'room');
    await goTo(window, '#/new-room', 'Room name');
    await check(window, 'new room');
    await goTo(window, '#/account', 'You are signed in as a guest');
    await check(window, 'account');
    await goTo(window, '#/register', 'Create an account');
    await check(window, 'register');
    await goTo(window, '#/', 'Conversations');
    await check(window, 'home');
    await goTo(window, '#/find', 'Looking for someone');
    await check(window, 'waiting');
    await host.ask('mutation { match { id } }');
    await page.getByRole('textbox', { name: 'Message to Grace' }).waitFor();
    await check(window, 'talking');
    await host.ask('mutation { unmatch { id } }');
    await page.getByText('Grace has left.').waitFor();
    await check(window, 'ended');
    expect(window.problems).toEqual([]);
    await window.close();
  });
});
