// snippet: talk
import { createMemoryPlatform, createParley, createSession } from 'parley-client';
import { WebSocket } from 'ws';

const url = process.argv[2] ?? 'http://localhost:4000/graphql';
const platform = createMemoryPlatform(WebSocket); // In a browser: createBrowserPlatform()
const session = createSession({ url, platform });
const failure = await session.enterAsGuest({ name: 'Ada' });
if (failure) throw new Error(failure.message);

const parley = createParley({ url, session, platform }); // One for each user who signs in.
const { data } = await parley.client
  .mutation('mutation { createRoom(input: { name: "Fruit" }) { id } }', {})
  .toPromise();
const channelId: string = data.createRoom.id;

const conversation = parley.conversation(channelId);
const close = conversation.open(); // Loads the newest page; live messages, edits and reactions follow.
conversation.subscribe(async () => {
  const { messages } = conversation.get();
  console.log(messages.map(({ author, text }) => `${author.name}: ${text}`));
  if (messages.at(-1)?.text !== 'And a file') return;
  close();
  await parley.dispose();
  session.dispose();
});

parley.outbox.send({ channelId, text: 'A plum' });
const file = new File(['A pear'], 'pear.txt', { type: 'text/plain' });
parley.outbox.send({ channelId, text: 'And a file', files: [file] }); // Sent in order, also after a reload.
// end
