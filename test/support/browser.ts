import { type Browser, chromium, type Page } from 'playwright-core';

/** Chromium as the system has it: nothing is downloaded. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update'],
  });
}

/** A window of somebody, who shares nothing with others. */
export interface Window {
  page: Page;
  /** What went wrong in it: errors on the console, answers that failed, requests to elsewhere. */
  problems: string[];
  close(): Promise<void>;
}

/** How a window looks. */
export interface WindowOptions {
  width?: number;
  height?: number;
  dark?: boolean;
}

/** Opens a window at an address. Below 720 pixels of width it is a phone. */
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
  page.setDefaultTimeout(15_000);
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
    if (protocol.startsWith('http') && host !== new URL(url).host) problems.push(`asked ${request.url()}`);
  });
  await page.goto(url);
  return { page, problems, close: () => context.close() };
}

/** What was said in the open conversation, from above to below. */
export function said({ page }: Window): Promise<string[]> {
  return page.locator('.bubble .message-text').allInnerTexts();
}

/** Writes a message and sends it. */
export async function say({ page }: Window, text: string): Promise<void> {
  await page.getByRole('textbox', { name: /^Message to/ }).fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

/** What of the page is wider than the window. */
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
