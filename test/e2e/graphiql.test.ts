import type { Browser, Page } from 'playwright-core';
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

test('a first visit: the values of each tab go into those after it, through a reload, until signing out', async () => {
  const window = await openWindow(browser, url);
  const { page } = window;
  await page.getByRole('link', { name: 'Explore the API' }).click();
  const explorer = explore(page);
  const names = await explorer.names();
  expect(names).toEqual([
    ...['Guest', 'CreateRoom', 'Send', 'History', 'FollowMessages', 'MarkSeen', 'Edit', 'Upload', 'SendFile', 'Friend'],
    ...['DirectMessage', 'Block', 'Match', 'FollowMatch', 'FollowEverything', 'Register', 'Refresh', 'SignOut'],
  ]);
  page.on('filechooser', (chooser) =>
    chooser.setFiles({ name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('Hello') }),
  );

  await explorer.open('Send');
  expect(await explorer.read('request-headers.json')).toContain('PRESS PLAY IN THE FIRST TAB');
  await explorer.open('Guest');
  await explorer.run('"token": "');
  const token = tokenIn(await explorer.read('response.json'));
  for (const name of names.slice(1)) {
    await explorer.open(name);
    const isPublic = name === 'Friend' || name === 'Refresh';
    expect(await explorer.read('request-headers.json')).toEqual(isPublic ? '' : expect.stringContaining(token));
  }
  await explorer.open('CreateRoom');
  await explorer.run('"OWNER"');
  await explorer.open('Send');
  await explorer.run('"text": "Hello"');
  await page.reload();
  await explorer.open('History');
  await explorer.run('"kind": "TEXT"');
  await explorer.open('FollowMessages');
  await explorer.run('"received": 2');
  expect(JSON.parse(await explorer.read('response.json')).newestFirst).toMatchObject([
    { event: 2, data: { messages: { seq: 2, text: 'Hello' } } },
    { event: 1, data: { messages: { seq: 1, text: '' } } },
  ]);
  const expected = [
    ['MarkSeen', '"seenSeq": 2'],
    ['Edit', '"text": "Hello again"'],
    ['Upload', '"mimetype": "text/plain"'],
    ['SendFile', '"filename": "note.txt"'],
    ['Friend', '"Bob"'],
    ['DirectMessage', '"DIRECT"'],
    ['Block', '"Bob"'],
  ] as const;
  for (const [name, result] of expected) {
    await explorer.open(name);
    await explorer.run(result);
  }
  await explorer.open('Register');
  await explorer.write('variables.json', /(?<="password": ")/, 'a calm quiet harbour');
  await explorer.run('"token": "');
  await explorer.open('Refresh');
  await explorer.run('"token": "');
  const refreshed = tokenIn(await explorer.read('response.json'));
  expect(refreshed).not.toBe(token);
  await explorer.open('SignOut');
  expect(await explorer.read('request-headers.json')).toContain(refreshed);
  await explorer.run('"logout": true');
  await vi.waitFor(async () => expect(await explorer.stored()).not.toMatch(/eyJ|"c_/), 10_000);
  await explorer.open('Send');
  expect(await explorer.read('variables.json')).toContain('OPEN A ROOM IN TAB 2');
  expect(await explorer.lasting()).toBe('{}');
  expect(window.problems).toEqual([]);
  await window.close();
});

test('a public operation needs no token, a subscription has the token of the present session, and a token that the user typed stays', async () => {
  const window = await openWindow(browser, `${url}/graphql`);
  const explorer = explore(window.page);
  const bob = await guest(url, 'Bob');
  await window.page.goto(`${url}/graphql#query=${encodeURIComponent('query Limits { limits { messageBytes } }')}`);
  await explorer.open('Limits');
  expect(await explorer.read('request-headers.json')).toContain('PRESS PLAY IN THE FIRST TAB');
  await explorer.run('"messageBytes": ');
  await explorer.open('Guest');
  await explorer.run('"token": "');
  await explorer.open('FollowMatch');
  await explorer.run('"match": null');
  await explorer.open('Guest');
  await explorer.run('"token": "');
  const token = tokenIn(await explorer.read('response.json'));
  await explorer.open('FollowMatch');
  await explorer.run('"match": null');
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ query: 'mutation { match { id } }' });
  await fetch(`${url}/graphql`, { method: 'POST', headers, body });
  await explorer.shows('WAITING');
  await bob.ask('mutation { match { id } }');
  await explorer.shows('MATCHED');
  const { received, newestFirst } = JSON.parse(await explorer.read('response.json'));
  expect(newestFirst).toHaveLength(received);
  expect(newestFirst.at(-1).data).toEqual({ match: null });

  await explorer.open('Block');
  await explorer.write('request-headers.json', /eyJ[^"]*/, bob.token);
  await explorer.open('Guest');
  await explorer.run('"token": "');
  await explorer.open('Block');
  expect(await explorer.read('request-headers.json')).toContain(bob.token);
  expect(window.problems).toEqual([]);
  await window.close();
});

test('GraphiQL fits a phone, is loaded once, and asks no other host', async () => {
  const window = await openWindow(browser, `${url}/graphql`, { width: 390, height: 844 });
  const { page } = window;
  const explorer = explore(page);
  await explorer.open('Guest');
  await explorer.run('"token": "');
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  const boxes = await Promise.all(
    ['.graphiql-query-editor', '.graphiql-response', '.graphiql-sidebar'].map((part) =>
      page.locator(part).boundingBox(),
    ),
  );
  for (const box of boxes) expect(box?.width).toBeGreaterThan(330);
  const transferred: number[] = [];
  const urls: string[] = [];
  page.on('requestfinished', async (request) => {
    urls.push(request.url());
    transferred.push((await request.sizes()).responseBodySize);
  });
  await page.reload();
  await page.locator('.graphiql-query-editor .view-lines').getByText('Guest').first().waitFor();
  expect(urls.length).toBeGreaterThan(0);
  expect(new Set(urls.map((text) => new URL(text).origin))).toEqual(new Set([url]));
  const loaded = await page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .map((entry) => [entry.name, (entry as PerformanceResourceTiming).transferSize]),
  );
  const assets = loaded.filter(([name]) => String(name).includes('/graphql/assets/'));
  expect(assets.length).toBeGreaterThan(1);
  expect(assets.map(([, size]) => size)).toEqual(assets.map(() => 0));
  expect(window.problems).toEqual([]);
  await window.close();
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

/** Text of one of GraphiQL's editors. */
interface EditorModel {
  uri: { path: string };
  getValue(): string;
  setValue(text: string): void;
}

function tokenIn(result: string): string {
  return /"token": "(.*?)"/.exec(result)?.[1] ?? 'no token';
}

/** Returns the parts of GraphiQL's page. */
function explore(page: Page) {
  const explorer = {
    /** Names of the tabs, in order. */
    async names(): Promise<string[]> {
      await page.getByRole('tab').first().waitFor();
      return page.getByRole('tab').allInnerTexts();
    },
    /** Brings a tab to the front. */
    async open(name: string): Promise<void> {
      await page.locator(`button[title=${name}]`).click();
      await page.locator('.graphiql-query-editor .view-lines').getByText(name).first().waitFor();
    },
    /**
     * Presses play, chooses the first operation of several, and waits for a text in the result. Right after a change of tabs
     * GraphiQL may offer the operations of the tab before, and then nothing: play is pressed again.
     */
    async run(expected: string): Promise<void> {
      const [play, operation] = [page.getByRole('button', { name: /execute/i }), page.getByRole('menuitem').first()];
      await play.click();
      await vi.waitFor(async () => {
        const isIdle = await play.isVisible();
        const result = await explorer.read('response.json');
        if (await operation.isVisible()) await operation.click({ timeout: 1_000 });
        else if (isIdle && result === '') await play.click({ timeout: 1_000 });
        expect(result).toContain(expected);
      }, 20_000);
    },
    /** Waits for a text in the result. */
    async shows(expected: string): Promise<void> {
      await vi.waitFor(async () => expect(await explorer.read('response.json')).toContain(expected), 10_000);
    },
    /** Returns the text of an editor, such as `variables.json`. */
    read: (editor: string): Promise<string> =>
      page.evaluate((suffix) => {
        const models: EditorModel[] = Reflect.get(globalThis, '__MONACO').editor.getModels();
        return models.find(({ uri }) => uri.path.endsWith(suffix))?.getValue() ?? '';
      }, editor),
    /** Replaces a part of an editor's text by one without quotation marks, and waits until GraphiQL has stored it. */
    async write(editor: string, part: RegExp, replacement: string): Promise<void> {
      const text = (await explorer.read(editor)).replace(part, replacement);
      await page.evaluate(
        ([suffix = '', newText = '']) => {
          const models: EditorModel[] = Reflect.get(globalThis, '__MONACO').editor.getModels();
          models.find(({ uri }) => uri.path.endsWith(suffix))?.setValue(newText);
        },
        [editor, text],
      );
      await vi.waitFor(async () => expect(await explorer.stored()).toContain(replacement), 10_000);
    },
    /** Storage of the browser's tab. */
    stored: (): Promise<string> => page.evaluate(() => JSON.stringify(sessionStorage)),
    /** Storage that outlives the window. */
    lasting: (): Promise<string> =>
      page.evaluate(() => {
        const frame = document.body.appendChild(document.createElement('iframe'));
        return JSON.stringify(frame.contentWindow?.localStorage);
      }),
  };
  return explorer;
}
