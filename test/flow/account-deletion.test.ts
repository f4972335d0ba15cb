import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { ask, type Data, followMessages, guest, type Person, registered, socket } from '../support/client.ts';
import { storedFiles, upload } from '../support/upload.ts';
import { openSocket } from '../support/wire.ts';

const deletion = 'mutation ($password: String) { deleteAccount(password: $password) }';
const send = `mutation ($input: SendInput!) { send(input: $input) { message { id } } }`;
const history = `query ($id: ID!) { channel(id: $id) {
  memberCount viewerMembership { role }
  messages { nodes { kind text position deletedAt author { id name } attachments { id } } }
} }`;

let url: string;
let app: Awaited<ReturnType<typeof startApp>>;

beforeAll(async () => {
  app = await startApp();
  ({ url } = app);
  return app.stop;
});

async function roomOf(owner: Person, member: Person): Promise<string> {
  const { id } = (await owner.ask('mutation { createRoom(input: { name: "Talk" }) { id } }')).createRoom;
  await member.ask('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id });
  return id;
}

describe('deleteAccount', () => {
  it('is refused without a token, with a wrong password, and for a guest with any', async () => {
    const [ada, gast] = [await registered(url), await guest(url)];
    expect((await ask(url, deletion)).errors[0]?.extensions['code']).toBe('UNAUTHENTICATED');
    for (const [person, password] of [
      [ada, 'wrong horse'],
      [ada, null],
      [gast, 'any'],
    ] as const) {
      const { errors } = await ask(url, deletion, { password }, person.token);
      expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'password' }] });
    }
    expect(await ada.ask('{ me { name } }')).toEqual({ me: { name: 'Ada' } });
  });

  it('erases a user for everybody, live and in history', async () => {
    const [ada, bob] = [await registered(url, 'Ada'), await guest(url, 'Bob')];
    const channelId = await roomOf(ada, bob);
    const { id: file } = (await upload(url, ada.token, { bytes: 'hello' }, channelId)).data.upload;
    await ada.ask(send, { input: { channelId, text: 'A secret', attachmentIds: [file] } });

    await bob.ask(send, { input: { channelId, text: 'Mine' } });
    const client = socket(url, bob.token);
    const { received } = followMessages(client, channelId, 0);
    await vi.waitFor(() => expect(received.map(({ text }) => text)).toContain('Mine'));
    const ownSocket = await openSocket(url, { authorization: `Bearer ${ada.token}` });

    expect(await ada.ask(deletion, { password: 'correct horse' })).toEqual({ deleteAccount: true });

    expect(await ownSocket.closed).toMatchObject({ code: 4403 });
    expect(await ada.codeOf('{ sessions { id } }')).toBe('UNAUTHENTICATED');
    await vi.waitFor(() =>
      expect(received).toContainEqual(expect.objectContaining({ text: '', deletedAt: expect.any(String) })),
    );
    const channel = await vi.waitFor(async () => {
      const found: Data = (await bob.ask(history, { id: channelId })).channel;
      expect(found).toMatchObject({ memberCount: 1, viewerMembership: { role: 'OWNER' } });
      return found;
    });
    expect(JSON.stringify(channel)).not.toMatch(/Ada|A secret/);
    expect(channel.messages.nodes.filter(({ author }: Data) => author.id === ada.id)).toMatchObject([
      { kind: 'JOINED', author: { name: '' } },
      { kind: 'TEXT', text: '', deletedAt: expect.any(String), attachments: [] },
      { kind: 'LEFT' },
    ]);
    expect(await bob.ask('query ($id: ID!) { user(id: $id) { name email avatarUrl } }', { id: ada.id })).toMatchObject({
      user: { name: '', email: null, avatarUrl: expect.stringContaining('/avatars/') },
    });
    await vi.waitFor(async () => expect(await storedFiles(app.directory)).toEqual([]));
    const positions = received.map((message) => message.position);
    expect(positions).toEqual([...positions].sort((one, other) => one - other));
    await client.dispose();
  });

  it('erases a guest without a password', async () => {
    const [gast, bob] = [await guest(url, 'Gast'), await guest(url, 'Bob')];
    const channelId = await roomOf(gast, bob);
    expect(await gast.ask(deletion)).toEqual({ deleteAccount: true });
    await vi.waitFor(async () =>
      expect((await bob.ask(history, { id: channelId })).channel).toMatchObject({ memberCount: 1 }),
    );
    expect(await gast.codeOf('{ sessions { id } }')).toBe('UNAUTHENTICATED');
    expect(app.logger.childLines.filter(({ event }) => event === 'user_deleted').length).toBeGreaterThan(1);
  });
});
