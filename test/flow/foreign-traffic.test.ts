import { beforeAll, expect, test, vi } from 'vitest';
import { createMemoryEventLog } from '../../api/infra/event-log/memory.ts';
import { createMemoryPubSub } from '../../api/infra/pubsub/memory.ts';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';
import { createMemoryState } from '../../api/infra/state/memory.ts';
import { startApp } from '../support/app.ts';
import { follow, followMessages, guest, type Person, socket } from '../support/client.ts';
import { openMemoryDatabase } from '../support/database.ts';
import { openDirectOf } from '../support/invitations.ts';
import { createTestLogger } from '../support/logger.ts';

const send = 'mutation ($input: SendInput!) { send(input: $input) { message { id } } }';

/** Settings of a process without a bridge. The services that they must name are not used: the ports are given. */
const gatewayAlone = {
  SERVICES: 'gateway',
  DATABASE_URL: 'postgres://unused',
  REDIS_URL: 'redis://unused',
  KAFKA_BROKERS: 'unused:9092',
  JWT_SECRET: 'a secret that both gateways know, of some length',
};

/** Topics of the messages that reached the second gateway, but for presence, which every gateway hears in batches. */
const heard: string[] = [];
let here: string;
let there: string;

/** Notes each message that a pubsub hands to a listener. */
function counted(pubsub: PubSub): PubSub {
  const subscribe: PubSub['subscribe'] = (topic, listener) =>
    pubsub.subscribe(topic, (message) => {
      if (topic !== 'presence') heard.push(topic);
      listener(message);
    });
  return { ...pubsub, subscribe };
}

beforeAll(async () => {
  const logger = createTestLogger();
  const database = await openMemoryDatabase();
  const pubsub = createMemoryPubSub({ logger });
  const ports = { database, state: createMemoryState(), log: createMemoryEventLog({ logger }) };
  const first = await startApp({ JWT_SECRET: gatewayAlone.JWT_SECRET }, { ports: { ...ports, pubsub } });
  const second = await startApp(gatewayAlone, { ports: { ...ports, pubsub: counted(pubsub) } });
  here = first.url;
  there = second.url;
  return async () => {
    await second.stop();
    await first.stop();
    await database.stop();
  };
});

const direct = ([one, other]: readonly [Person, Person]) => openDirectOf(one, other);

test('a gateway hears the channels that somebody follows there, and nothing of others', async () => {
  const [ada, bob] = [await guest(here, 'Ada'), await guest(here, 'Bob')];
  const [cleo, dan] = [await guest(there, 'Cleo'), await guest(there, 'Dan')];
  const [foreign, own] = [await direct([ada, bob]), await direct([cleo, dan])];
  const clients = [socket(here, bob.token), socket(there, dan.token)] as const;
  const [bobs, dans] = [followMessages(clients[0], foreign, 0), followMessages(clients[1], own, 0)];
  const list = follow(clients[1], 'subscription { channels { id lastMessage { text } } }');
  await vi.waitFor(() => expect(list.received).toMatchObject([{ id: own }]));
  await cleo.ask(send, { input: { channelId: own, text: 'Hello' } });
  await vi.waitFor(() => expect(dans.received).toHaveLength(1));
  heard.length = 0;

  for (let n = 1; n <= 20; n++) await ada.ask(send, { input: { channelId: foreign, text: `${n}` } });
  await vi.waitFor(() => expect(bobs.received).toHaveLength(20));
  expect(heard).toEqual([]);

  await cleo.ask(send, { input: { channelId: own, text: 'Still there?' } });
  await vi.waitFor(() => expect(dans.received).toHaveLength(2));
  // One signal for the feed and the list together, and the outcome for the sender.
  expect(heard.filter((topic) => topic.startsWith('channel:'))).toHaveLength(1);
  expect(heard).toHaveLength(2);
  for (const client of clients) await client.dispose();
});
