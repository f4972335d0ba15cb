import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { encodeId } from '../../schema/ids.ts';
import { startApp } from '../support/app.ts';
import { ask, type Data, followMessages, guest, type Person, socket } from '../support/client.ts';
import { appointed } from '../support/moderators.ts';

let url: string;
let moderator: Person;
let second: Person;
let ada: Person;
let bob: Person;
let eve: Person;
/** A direct channel of Ada and Bob. */
let channelId: string;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  [moderator, second] = await Promise.all([appointed(app, 'Mod'), appointed(app, 'Second')]);
  [ada, bob, eve] = await Promise.all([guest(url, 'Ada'), guest(url, 'Bob'), guest(url, 'Eve')]);
  channelId = (await ada.ask('mutation ($id: ID!) { openDirect(userId: $id) { id } }', { id: bob.id })).openDirect.id;
  return app.stop;
});

const fields = `id status text reason createdAt resolvedAt action note
  reporter { id } user { id } resolvedBy { id } message { id text deletedAt }`;
const report = `mutation ($input: ReportInput!) { report(input: $input) { ${fields} } }`;
const resolve = `mutation ($id: ID!, $action: ReportAction!, $note: String) {
  resolveReport(id: $id, action: $action, note: $note) { ${fields} }
}`;
const reports = `query ($status: ReportStatus, $first: Int, $after: String, $last: Int) {
  reports(status: $status, first: $first, after: $after, last: $last) {
    nodes { ${fields} } pageInfo { hasNextPage hasPreviousPage endCursor }
  }
}`;
const send =
  'mutation ($channelId: ID!, $text: String!) { send(input: { channelId: $channelId, text: $text }) { message { id } } }';
const remove = 'mutation ($id: ID!) { deleteMessage(messageId: $id) { id } }';
const fetchNode = 'query ($id: ID!) { node(id: $id) { id } }';

const say = async (who: Person, text: string): Promise<string> =>
  (await who.ask(send, { channelId, text })).send.message.id;
const file = async (who: Person, input: object): Promise<Data> =>
  (await who.ask(report, { input: { reason: 'spam', ...input } })).report;
const openReports = async (): Promise<Data[]> => (await moderator.ask(reports, { first: 100 })).reports.nodes;

describe('a report', () => {
  it('keeps the text of a message as it was, and is the same one while it is open', async () => {
    const messageId = await say(bob, 'rude words');
    const filed = await file(ada, { messageId, reason: ' He is\r\nrude. ' });
    expect(filed).toMatchObject({
      status: 'OPEN',
      text: 'rude words',
      reason: 'He is\nrude.',
      reporter: { id: ada.id },
      user: { id: bob.id },
      message: { id: messageId, text: 'rude words' },
      resolvedAt: null,
    });
    await bob.ask(remove, { id: messageId });

    const again = await file(ada, { messageId, reason: 'again' });
    expect(again).toEqual({ ...filed, message: { id: messageId, text: '', deletedAt: expect.any(String) } });
    expect((await openReports()).find(({ id }) => id === filed.id)).toEqual(again);
    const [first, other] = await Promise.all([file(ada, { userId: eve.id }), file(ada, { userId: eve.id })]);
    expect(first).toEqual(other);
    expect(first).toMatchObject({ text: null, message: null, user: { id: eve.id } });
  });

  it('can be of a message whose author the reporter has blocked', async () => {
    const messageId = await say(bob, 'rude');
    await ada.ask('mutation ($id: ID!) { block(userId: $id) { id } }', { id: bob.id });
    expect((await file(ada, { messageId })).text).toBe('rude');
    await ada.ask('mutation ($id: ID!) { unblock(userId: $id) { id } }', { id: bob.id });
  });

  it.each([
    [
      'of a message that the viewer may not read',
      () => eve,
      async () => ({ messageId: await say(bob, 'x') }),
      'NOT_FOUND',
    ],
    ['of a message that is not there', () => ada, async () => ({ messageId: missing('Message') }), 'NOT_FOUND'],
    ['of an own message', () => bob, async () => ({ messageId: await say(bob, 'x') }), 'BAD_USER_INPUT'],
    ['of oneself', () => ada, async () => ({ userId: ada.id }), 'BAD_USER_INPUT'],
    ['of a user who is not there', () => ada, async () => ({ userId: missing('User') }), 'NOT_FOUND'],
    ['of nothing', () => ada, async () => ({}), 'BAD_USER_INPUT'],
    ['of both', () => ada, async () => ({ userId: bob.id, messageId: await say(bob, 'x') }), 'BAD_USER_INPUT'],
    ['without a reason', () => ada, async () => ({ userId: bob.id, reason: '\n' }), 'BAD_USER_INPUT'],
  ])('%s is refused', async (_, who, input, code) => {
    expect(await who().codeOf(report, { input: { reason: 'spam', ...(await input()) } })).toBe(code);
  });

  it('needs a sign-in', async () => {
    const { errors } = await ask(url, report, { input: { userId: bob.id, reason: 'spam' } });
    expect(errors[0]?.extensions['code']).toBe('UNAUTHENTICATED');
  });
});

describe('the list of reports', () => {
  it('is for moderators of the service, and so is each report', async () => {
    const { id } = await file(ada, { userId: bob.id });
    expect((await moderator.ask(fetchNode, { id })).node).toEqual({ id });
    for (const one of [ada, eve]) {
      expect(await one.codeOf(reports)).toBe('FORBIDDEN');
      expect((await one.ask(fetchNode, { id })).node).toBeNull();
      expect(await one.codeOf(resolve, { id, action: 'DISMISS' })).toBe('FORBIDDEN');
    }
    for (const query of [reports, resolve])
      expect((await ask(url, query, { id, action: 'DISMISS' })).errors[0]?.extensions['code']).toBe('UNAUTHENTICATED');
    expect(await moderator.codeOf(resolve, { id: missing('Report'), action: 'DISMISS' })).toBe('NOT_FOUND');
    expect(await moderator.codeOf(reports, { first: 1, after: 'x' })).toBe('BAD_USER_INPUT');
  });

  it('has pages in order of time', async () => {
    const filed: string[] = [];
    for (let n = 0; n < 3; n++) filed.push((await file(await guest(url), { userId: bob.id })).id);
    const all = await openReports();
    expect(all.slice(-3).map(({ id }) => id)).toEqual(filed);
    const last = (await moderator.ask(reports, { last: 2 })).reports;
    expect(last.nodes.map(({ id }: Data) => id)).toEqual(filed.slice(1));
    expect(last.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: false });
    const listed: string[] = [];
    for (let after = null, more = true; more; ) {
      const page: Data = (await moderator.ask(reports, { first: 2, after })).reports;
      listed.push(...page.nodes.map(({ id }: Data) => id));
      ({ endCursor: after, hasNextPage: more } = page.pageInfo);
    }
    expect(listed).toEqual(all.map(({ id }) => id));
  });
});

describe('a moderator who resolves a report', () => {
  it('deletes a message of a channel that only its members see, live too', async () => {
    const messageId = await say(bob, 'very rude');
    const { id } = await file(ada, { messageId });
    const adas = followMessages(socket(url, ada.token), channelId, 0);
    await vi.waitFor(() => expect(adas.received.at(-1)).toMatchObject({ text: 'very rude' }));

    expect((await moderator.ask(resolve, { id, action: 'DELETE_MESSAGE', note: 'rude' })).resolveReport).toMatchObject({
      status: 'RESOLVED',
      action: 'DELETE_MESSAGE',
      note: 'rude',
      text: 'very rude',
      resolvedBy: { id: moderator.id },
      message: { id: messageId, text: '', deletedAt: expect.any(String) },
    });

    await vi.waitFor(() => expect(adas.received.at(-1)).toMatchObject({ id: messageId, text: '' }));
    expect(await moderator.codeOf('query ($id: ID!) { channel(id: $id) { id } }', { id: channelId })).toBeNull();
    expect(await moderator.codeOf(remove, { id: messageId })).toBe('NOT_FOUND');
    expect((await openReports()).map((one) => one.id)).not.toContain(id);
    const resolved = (await moderator.ask(reports, { status: 'RESOLVED', last: 1 })).reports.nodes;
    expect(resolved).toMatchObject([{ id, action: 'DELETE_MESSAGE' }]);
    adas.stop();
  });

  it('suspends a user', async () => {
    const cleo = await guest(url, 'Cleo');
    const { id } = await file(ada, { userId: cleo.id });
    await moderator.ask(resolve, { id, action: 'SUSPEND_USER' });
    expect(await cleo.codeOf('{ me { id } }')).toBe('UNAUTHENTICATED');
  });

  it('is the only one, of two at once; a repeated call changes nothing', async () => {
    for (const action of ['DISMISS', 'SUSPEND_USER']) {
      const { id } = await file(ada, { userId: (await guest(url)).id });
      const codes = await Promise.all([moderator, second].map((one) => one.codeOf(resolve, { id, action })));
      expect(codes.sort()).toEqual(['CONFLICT', null]);
      const [winner, loser] = await byOutcome(id, action);
      expect(await winner?.codeOf(resolve, { id, action })).toBeNull();
      expect(await loser?.codeOf(resolve, { id, action: 'DISMISS' })).toBe('CONFLICT');
    }
  });

  it('finds it open again if the act is refused', async () => {
    const { id } = await file(ada, { userId: second.id });
    expect(await moderator.codeOf(resolve, { id, action: 'SUSPEND_USER' })).toBe('FORBIDDEN');
    expect(await moderator.codeOf(resolve, { id, action: 'DELETE_MESSAGE' })).toBe('BAD_USER_INPUT');
    expect(await second.codeOf(resolve, { id, action: 'DISMISS' })).toBe('FORBIDDEN');
    expect((await openReports()).map((one) => one.id)).toContain(id);
    expect((await moderator.ask(resolve, { id, action: 'DISMISS' })).resolveReport.status).toBe('RESOLVED');
    expect((await file(ada, { userId: second.id })).id).not.toBe(id);
  });
});

/** Returns the moderators who have and who have not resolved a report. */
async function byOutcome(id: string, action: string): Promise<Person[]> {
  const query = 'query ($id: ID!) { node(id: $id) { ... on Report { action resolvedBy { id } } } }';
  const { node } = await moderator.ask(query, { id });
  expect(node.action).toBe(action);
  return node.resolvedBy.id === moderator.id ? [moderator, second] : [second, moderator];
}

function missing(type: 'User' | 'Message' | 'Report'): string {
  return encodeId(type, randomUUID());
}
