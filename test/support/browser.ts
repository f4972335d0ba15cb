import { type Browser, chromium, type Page } from 'playwright-core';
import { patienceMs } from './patience.ts';

/** Starts the Chromium of the system. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update'],
  });
}

/** Browser window with its own cookies and storage. */
export interface Window {
  page: Page;
  /** Problems so far: errors on the console, failed responses, requests to other servers. */
  problems: string[];
  close(): Promise<void>;
}

/** Size and color scheme of a window. */
export interface WindowOptions {
  width?: number;
  height?: number;
  dark?: boolean;
}

/** Opens a window at a URL. It is a phone if it is narrower than 720 pixels. */
export async function openWindow(
  browser: Browser,
  url: string,
  { width = 1280, height = 800, dark = false }: WindowOptions = {},
): Promise<Window> {
  const isPhone = width < 720;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    isMobile: isPhone,
    hasTouch: isPhone,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(patienceMs);
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('response', (response) => {
    if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}`);
  });
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol.startsWith('http') && host !== new URL(url).host) problems.push(`requested ${request.url()}`);
  });
  await page.goto(url);
  return { page, problems, close: () => context.close() };
}

/** Returns the texts of the messages in the open conversation, from top to bottom. */
export function said({ page }: Window): Promise<string[]> {
  return page.locator('.bubble .message-text').allInnerTexts();
}

/** Writes a message and sends it. */
export async function say({ page }: Window, text: string): Promise<void> {
  await page.getByRole('textbox', { name: /^Message to/ }).fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

/** Lists the elements of the page that are wider than the window. */
export function overflowing({ page }: Window): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('body *')]
      .filter((element) => {
        const { right, width } = element.getBoundingClientRect();
        return width > 1 && right > document.documentElement.clientWidth + 1;
      })
      .map((element) => `too wide: ${element.outerHTML.slice(0, 160)}`),
  );
}
