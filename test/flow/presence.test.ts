import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { ask, type Data, follow, guest, type Person, socket } from '../support/client.ts';
import { openStream } from '../support/wire.ts';

let url: string;
let ada: Person;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  ada = await guest(url, 'Ada');
  return app.stop;
});

const presence = 'query ($id: ID!) { user(id: $id) { online lastSeenAt } }';
const channelPresence = 'query ($id: ID!) { channel(id: $id) { onlineCount online { name } } }';
const following = 'subscription { channels { id } }';
async function look(who: Person): Promise<Data> {
  return (await ada.ask(presence, { id: who.id })).user;
}

async function becomes(who: Person, online: boolean): Promise<void> {
  await vi.waitFor(async () => expect((await look(who)).online).toBe(online));
}

/** Milliseconds for which a user without a connection still counts as online. */
const graceMs = 2_000;

/** Signs in a guest with an open socket. */
async function present(name: string) {
  const who = await guest(url, name);
  const client = socket(url, who.token);
  follow(client, following);
  await becomes(who, true);
  return { ...who, client };
}

/** Signs in a guest whose connection broke and came back while they still counted as online. */
async function reconnected(name: string) {
  for (;;) {
    const user = await present(name);
    const isBack = new Promise((resolve) => user.client.on('connected', resolve));
    const brokenAt = performance.now();
    user.client.drop();
    await isBack;
    if (performance.now() - brokenAt < graceMs) return user;
    await user.client.dispose();
  }
}

describe('a user', () => {
  it('who only sends requests is not online and was never seen', async () => {
    const eve = await guest(url, 'Eve');
    expect((await eve.ask('{ me { online lastSeenAt } }')).me).toEqual({ online: false, lastSeenAt: null });
    expect(await look(eve)).toEqual({ online: false, lastSeenAt: null });
  });

  it('is online while a socket is open, and was last seen when it closed', async () => {
    const eve = await present('Eve');
    expect(await look(eve)).toEqual({ online: true, lastSeenAt: null });
    expect((await eve.ask('{ me { online } }')).me.online).toBe(true);
    const { createRoom } = await eve.ask('mutation { createRoom(input: { name: "Before" }) { createdAt } }');
    await eve.client.dispose();
    await becomes(eve, false);
    // It is written right after the user has gone offline.
    await vi.waitFor(async () => expect((await look(eve)).lastSeenAt > createRoom.createdAt).toBe(true));
    const { lastSeenAt } = await look(eve);

    const again = socket(url, eve.token);
    follow(again, following);
    await becomes(eve, true);
    expect((await look(eve)).lastSeenAt).toBe(lastSeenAt);
    await again.dispose();
  });

  it('is online while a stream of server-sent events is open', async () => {
    const eve = await guest(url, 'Eve');
    const stream = await openStream(url, following, { token: eve.token });
    await becomes(eve, true);
    stream.abort();
    await becomes(eve, false);
    await vi.waitFor(async () => expect((await look(eve)).lastSeenAt).not.toBeNull());
  });

  it('stays online with a second window, or with a connection that is soon back', async () => {
    const [two, back, gone] = [await present('Two windows'), await reconnected('Back'), await present('Gone')];
    const second = socket(url, two.token);
    const list = follow(second, following);
    // The second socket is open once it delivers something.
    await vi.waitFor(async () => {
      await two.ask('mutation { createRoom(input: { name: "Second window" }) { id } }');
      expect(list.received.length).toBeGreaterThan(0);
    });

    await two.client.dispose();
    await gone.client.dispose();
    await becomes(gone, false);

    expect(await look(two)).toEqual({ online: true, lastSeenAt: null });
    expect(await look(back)).toEqual({ online: true, lastSeenAt: null });
    await Promise.all([second.dispose(), back.client.dispose()]);
  });

  it('is no longer online when the session is revoked', async () => {
    const eve = await present('Eve');
    await eve.ask('mutation { logout }');
    await becomes(eve, false);
    await vi.waitFor(async () => expect((await look(eve)).lastSeenAt).not.toBeNull());
  });

  it('has a presence that only signed-in users can query', async () => {
    const { data, errors } = await ask(url, presence, { id: ada.id });
    expect(data).toEqual({ user: null });
    expect(errors[0]?.extensions['code']).toBe('UNAUTHENTICATED');
  });
});

describe('a channel', () => {
  it('shows its members which of them are online', async () => {
    const [eve, kim, outside] = [await present('Eve'), await present('Kim'), await present('Outside')];
    const away = await guest(url, 'Away');
    const { id } = (await ada.ask('mutation { createRoom(input: { name: "Who is here" }) { id } }')).createRoom;
    const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
    for (const one of [eve, kim, away]) await one.ask(join, { id });
    const shown = async (who: Person) => (await who.ask(channelPresence, { id })).channel;

    // Members are listed by time of joining. Sending a request does not make a user online.
    const both = { onlineCount: 2, online: [{ name: 'Eve' }, { name: 'Kim' }] };
    expect(await shown(ada)).toEqual(both);
    expect(await shown(eve)).toEqual(both);
    expect(await shown(outside)).toEqual({ onlineCount: null, online: null });

    await kim.ask('mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }', { id });
    expect(await shown(ada)).toEqual({ onlineCount: 1, online: [{ name: 'Eve' }] });
    expect(await shown(kim)).toEqual({ onlineCount: null, online: null });
    await eve.client.dispose();
    await becomes(eve, false);
    await vi.waitFor(async () => expect(await shown(ada)).toEqual({ onlineCount: 0, online: [] }));
    await Promise.all([kim.client.dispose(), outside.client.dispose()]);
  });
});
