import type { Browser } from 'playwright-core';
import { beforeAll, expect, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { openWindow, startBrowser } from '../support/browser.ts';
import { guest } from '../support/client.ts';

let browser: Browser;
let url: string;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  browser = await startBrowser();
  return async () => {
    await browser.close();
    await app.stop();
  };
});

test('GraphiQL needs no other host, has a tab for each main operation, and follows a subscription with the token of its headers', async () => {
  const window = await openWindow(browser, `${url}/graphql`);
  const { page } = window;
  const ada = await guest(url, 'Ada');
  const bob = await guest(url, 'Bob');
  await page.getByRole('tab').first().waitFor();
  const tabs = await page.getByRole('tab').allInnerTexts();
  expect(tabs.join(' ')).toMatch(/Guest.*Match.*FollowMatch.*Send.*History.*FollowMessages/s);

  await page.locator('button[title=FollowMatch]').click();
  const headers = page.getByRole('button', { name: 'Headers', exact: true });
  await headers.click();
  expect(await headers.getAttribute('class')).toContain('active');
  await page.locator('.graphiql-editor-tool .graphiql-editor:not(.hidden) .monaco-editor').click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(JSON.stringify({ Authorization: `Bearer ${ada.token}` }));
  // The editor closes brackets by itself.
  await page.keyboard.press('Shift+End');
  await page.keyboard.press('Delete');
  await page.getByRole('button', { name: /execute/i }).click();
  const result = page.locator('.result-window');
  await result.getByText('"match": null').waitFor();
  await ada.ask('mutation { match { id } }');
  await result.getByText('WAITING').waitFor();
  await bob.ask('mutation { match { id } }');
  await result.getByText('MATCHED').waitFor();
  await result.getByText('Bob').waitFor();
  const readStored = () =>
    page.evaluate(() => {
      const frame = document.body.appendChild(document.createElement('iframe'));
      return { lasting: JSON.stringify(frame.contentWindow?.localStorage), tab: JSON.stringify(sessionStorage) };
    });
  await vi.waitFor(async () => expect((await readStored()).tab).toContain(ada.token));
  const stored = await readStored();
  expect(stored.lasting).toBe('{}');
  const { headers: sent } = await fetch(`${url}/graphql`, { headers: { accept: 'text/html' } });
  expect(sent.get('content-security-policy')).not.toMatch(/unsafe-eval|script-src[^;]*unsafe-inline/);
  expect(window.problems).toEqual([]);
});

test('a link to a query opens GraphiQL with it, also after a reload, back and forward, and executes nothing', async () => {
  const window = await openWindow(browser, `${url}/graphql`);
  const { page } = window;
  const executed: string[] = [];
  page.on('request', (request) => {
    const body = request.postData() ?? '';
    if (request.url().includes('/graphql') && request.method() !== 'GET' && !body.includes('IntrospectionQuery'))
      executed.push(body);
  });
  const tabs = () => page.getByRole('tab').allInnerTexts();
  const hasTabs = (...names: string[]) => vi.waitFor(async () => expect(await tabs()).toEqual(names), 10_000);
  const hasQuery = (text: string) =>
    page.locator('.graphiql-query-editor .view-lines').getByText(text).first().waitFor();
  const linkTo = (query: string) => `#${new URLSearchParams({ query })}`;
  await page.getByRole('tab').first().waitFor();
  const [, ...others] = await tabs();

  await page.locator('.graphiql-query-editor .monaco-editor').click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText('query Mine { viewer { id } }');
  await hasTabs('Mine', ...others);
  await vi.waitFor(async () => {
    expect(page.url()).toBe(`${url}/graphql${linkTo('query Mine { viewer { id } }')}`);
    expect(await page.evaluate(() => sessionStorage.getItem('graphiql:tabState'))).toContain('Mine');
  });
  await page.reload();
  await hasQuery('Mine');
  await hasTabs('Mine', ...others);

  const shared = new URLSearchParams({ query: 'mutation Shared { logout }', variables: '{"a":1}' });
  await page.goto(`${url}/graphql?${shared}`);
  await hasQuery('Shared');
  await hasTabs('Mine', ...others, 'Shared');
  expect(page.url()).toBe(`${url}/graphql${linkTo('mutation Shared { logout }')}`);
  await page.locator('.graphiql-editor-tools').getByText('Variables').click();
  await page.locator('.graphiql-editor-tool .view-lines').getByText('"a"').first().waitFor();
  await page.reload();
  await hasQuery('Shared');
  await page.goBack();
  await hasQuery('Mine');
  await page.goForward();
  await hasQuery('Shared');
  await hasTabs('Mine', ...others, 'Shared');

  // Longer than a server accepts in a URL.
  const long = `query Long { ${Array.from({ length: 3_000 }, (_, n) => `a${n}: __typename`).join(' ')} }`;
  await page.goto(`${url}/graphql/${linkTo(long)}`);
  await hasQuery('Long');
  await page.reload();
  await hasQuery('Long');
  expect(executed).toEqual([]);
  expect(window.problems).toEqual([]);
  await window.close();
});
