import type { Browser, BrowserContext, Page } from 'playwright-core';
import { beforeAll, expect, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { startBrowser } from '../support/browser.ts';
import { guest, type Person } from '../support/client.ts';
import { bundleLibrary } from '../support/library-bundle.ts';
import { type Network, startNetwork } from '../support/network.ts';

let browser: Browser;
let network: Network;
let grace: Person;
let bundle: string;

beforeAll(async () => {
  const app = await startApp();
  network = await startNetwork(app.url);
  grace = await guest(app.url, 'Grace');
  browser = await startBrowser();
  bundle = await bundleLibrary();
  return async () => {
    await browser.close();
    await network.stop();
    await app.stop();
  };
});

test('the outbox of two tabs outlasts an outage and the tab: the other one sends everything in order, files too', async () => {
  const context = await newContext();
  const [first, second] = [await openTab(context), await openTab(context)];
  const channelId = await createRoom(first);
  network.cut();
  const written = await write(first, channelId, 'first');
  await write(second, channelId, 'second');
  await vi.waitFor(async () => expect(await pending(second)).toHaveLength(2 * written.length));
  await first.close();
  network.restore();
  await vi.waitFor(async () => expect(await pending(second)).toEqual([]));

  const sent = await history(channelId);
  expect(sent.filter(({ text }) => text.startsWith('first')).map(({ text }) => text)).toEqual(written);
  expect(sent).toHaveLength(2 * written.length);
  expect(
    sent
      .filter(({ attachments }) => attachments.length > 0)
      .map(({ text }) => text)
      .sort(),
  ).toEqual(['first 4', 'second 4']);
  expect(await second.evaluate('progress')).toContain(1);
  await context.close();
});

test('after a reload the state comes from IndexedDB, with the cursor up to which it is complete', async () => {
  const context = await newContext();
  const tab = await openTab(context);
  const channelId = await createRoom(tab);
  await tab.evaluate(`parley.conversation('${channelId}').open()`);
  await tab.evaluate(`void parley.outbox.send({ channelId: '${channelId}', text: 'a plum' })`);
  await vi.waitFor(async () => expect(await texts(tab, channelId)).toContain('a plum'));
  await tab.evaluate('parley.dispose()');
  await tab.close();

  const again = await openTab(context);
  await vi.waitFor(async () => expect(await texts(again, channelId)).toContain('a plum'));
  await vi.waitFor(async () => expect(await again.evaluate('parley.sync.get().status')).toBe('current'));
  await context.close();
});

/** Opens a context in which scripts may connect from every page of the server, also where the web client is not built. */
function newContext(): Promise<BrowserContext> {
  return browser.newContext({ bypassCSP: true });
}

/** Opens a tab at a file of the server, in which only the library runs. */
async function openTab(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${network.url}/robots.txt`);
  await page.evaluate(`${bundle}; globalThis.library = library`);
  await page.evaluate(`(async () => {
    const url = location.origin + '/graphql';
    const platform = library.createBrowserPlatform();
    const session = library.createSession({ url, platform });
    const failure = session.get() ? null : await session.enterAsGuest({ name: 'Ada' });
    if (failure) throw new Error(failure.message);
    globalThis.parley = library.createParley({ url, session, platform });
    globalThis.progress = [];
    parley.outbox.progress.subscribe(() => progress.push(...parley.outbox.progress.get().values()));
  })()`);
  await vi.waitFor(async () => expect(await page.evaluate('parley.sync.get().status')).toBe('current'));
  return page;
}

/** Creates a room that Grace can read. Returns its id. */
async function createRoom(page: Page): Promise<string> {
  const mutation = 'mutation { createRoom(input: { name: "Fruit" }) { id } }';
  const id: string = await page.evaluate(
    `parley.client.mutation(${JSON.stringify(mutation)}, {}).toPromise().then(({ data }) => data.createRoom.id)`,
  );
  await grace.ask('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id });
  return id;
}

/** Writes messages in a tab, the last one with a file. Returns their texts. */
async function write(page: Page, channelId: string, name: string): Promise<string[]> {
  const all = [0, 1, 2, 3, 4].map((n) => `${name} ${n}`);
  await page.evaluate(`for (const text of ${JSON.stringify(all)}) {
    const files = text.endsWith('4') ? [new File(['x'.repeat(100000)], 'x.txt', { type: 'text/plain' })] : [];
    parley.outbox.send({ channelId: '${channelId}', text, files });
  }`);
  return all;
}

function pending(page: Page): Promise<unknown[]> {
  return page.evaluate('parley.outbox.get().map(({ text }) => text)');
}

function texts(page: Page, channelId: string): Promise<string[]> {
  return page.evaluate(`parley.conversation('${channelId}').get().messages.map(({ text }) => text)`);
}

async function history(channelId: string): Promise<{ text: string; attachments: unknown[] }[]> {
  const query = `query ($id: ID!) {
    channel(id: $id) { messages(last: 100) { nodes { kind text attachments { id } } } }
  }`;
  const { channel } = await grace.ask(query, { id: channelId });
  return channel.messages.nodes.filter(({ kind }: { kind: string }) => kind === 'TEXT');
}
