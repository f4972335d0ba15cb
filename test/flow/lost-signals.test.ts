import { beforeAll, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { followMessages, guest, socket } from '../support/client.ts';
import { openDirectOf } from '../support/invitations.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';

let url: string;

beforeAll(async () => {
  const pubsub = createLossyPubSub(() => 'lose');
  const app = await startApp({}, { ports: { pubsub } });
  ({ url } = app);
  return app.stop;
});

it('messages are acknowledged and delivered, once and in order, although every signal is lost', async () => {
  const [ada, bob] = await Promise.all([guest(url, 'Ada'), guest(url, 'Bob')]);
  const channelId = await openDirectOf(ada, bob);
  const client = socket(url, bob.token);
  const followed = followMessages(client, channelId, null);
  const send = 'mutation ($input: SendInput!) { send(input: $input) { message { id } } }';
  // The subscription may begin after the first message; all later ones must arrive.
  await vi.waitFor(async () => {
    await ada.ask(send, { input: { channelId, text: 'Are you there?' } });
    expect(followed.received).not.toEqual([]);
  });
  for (const text of ['one', 'two', 'three']) await ada.ask(send, { input: { channelId, text } });
  const texts = () => followed.received.map(({ text }) => text).filter((text) => text !== 'Are you there?');
  await vi.waitFor(() => expect(texts()).toEqual(['one', 'two', 'three']));
  followed.stop();
  await client.dispose();
});
