import { test } from 'vitest';
import { startApp } from '../support/app.ts';
import { guest } from '../support/client.ts';
import { openDatabase } from '../support/database.ts';
import { expectNothingLost } from '../support/missing-column.ts';

test('no message is lost while a column is missing, and the process is not ready', async () => {
  const database = await openDatabase();
  const app = await startApp({}, { ports: { database } });
  const sender = await guest(app.url, 'Ada');
  const { createRoom } = await sender.ask('mutation { createRoom(input: { name: "Room" }) { id } }');

  await expectNothingLost({ url: app.url, run: (text) => database.query(text), sender, channelId: createRoom.id });

  await app.stop();
  await database.stop();
});
