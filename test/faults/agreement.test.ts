import fc from 'fast-check';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';
import { type Action, action, createActor } from '../support/agreement/actions.ts';
import { createDevice, type Device, readCounts, readRoom } from '../support/agreement/device.ts';
import {
  countsOf,
  createModel,
  type History,
  type Model,
  type Name,
  names,
  viewOf,
} from '../support/agreement/model.ts';
import { startApp } from '../support/app.ts';
import { ask, guest, type Person } from '../support/client.ts';
import { createCluster } from '../support/cluster.ts';
import { readCursor } from '../support/followers.ts';
import { createConnection, createLossyPubSub, type Fate } from '../support/lossy-pubsub.ts';
import { createSharedDatabase, sharedKafka, sharedRedis } from '../support/services/shared.ts';

const actions = 1_000;
/** Number of actions after which everybody must agree. */
const round = 50;

/** Event between two actions. */
type Disturbance =
  | { type: 'network'; gateway: number; fate: Fate }
  | { type: 'block'; who: Name; whom: Name }
  | { type: 'move'; who: Name; device: number; gateway: number }
  | { type: 'away'; who: Name };

const name = fc.constantFrom(...names);
const gateway = fc.nat({ max: 1 });
const disturbance: fc.Arbitrary<Disturbance> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('network' as const),
      gateway,
      fate: fc.constantFrom<Fate>('deliver', 'lose', 'double'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('block' as const), who: fc.constantFrom('ada', 'bob', 'cy'), whom: name }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('move' as const), who: name, device: fc.nat({ max: 1 }), gateway }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('away' as const), who: name }) },
);
const step = fc.oneof(
  { weight: 9, arbitrary: fc.record({ action, gateway }) },
  { weight: 1, arbitrary: fc.record({ disturbance }) },
);
type Step = { action: Action; gateway: number } | { disturbance: Disturbance };

/** The gateways' connections to one pubsub. Messages are lost together with the connection. */
function createNetwork(gateways: number) {
  const connections = Array.from({ length: gateways }, createConnection);
  const publish: PubSub['publish'] = async (topic, message) => {
    for (const { pubsub } of connections) await pubsub.publish(topic, message);
  };
  return {
    pubsubs: connections.map(({ pubsub }): PubSub => ({ ...pubsub, publish })),
    /** That of a process which hears nothing. */
    outside: { ...createLossyPubSub(() => 'deliver'), publish } satisfies PubSub,
    set: (n: number, fate: Fate) => connections[n % gateways]?.setFate(fate),
    heal(): void {
      for (const { setFate } of connections) setFate('deliver');
    },
  };
}

async function startEmbedded() {
  const network = createNetwork(1);
  const app = await startApp({}, { ports: { pubsub: network.pubsubs[0] as PubSub } });
  return { network, urls: [app.url], stop: app.stop };
}

async function startCluster() {
  const [brokers, redisUrl, databaseUrl] = await Promise.all([sharedKafka(), sharedRedis(), createSharedDatabase()]);
  const { environment } = createCluster({ databaseUrl, redisUrl, brokers });
  const network = createNetwork(2);
  const start = (SERVICES: string, pubsub: PubSub) => startApp({ ...environment, SERVICES }, { ports: { pubsub } });
  const bridge = await start('bridge', network.outside);
  const gateways = await Promise.all(network.pubsubs.map((pubsub) => start('gateway', pubsub)));
  return {
    network,
    urls: gateways.map(({ url }) => url),
    stop: async () => {
      for (const app of [...gateways, bridge]) await app.stop();
    },
  };
}

describe.each([
  ['one process', startEmbedded],
  ['two gateways', startCluster],
] as const)('with %s that lose and double signals', (_kind, start) => {
  let run: Awaited<ReturnType<typeof createRun>>;

  beforeAll(async () => {
    const started = await start();
    run = await createRun(started);
    return async () => {
      await run.stop();
      await started.stop();
    };
  });

  test('two devices of each user agree with a model after a thousand random actions', async () => {
    const property = fc.asyncProperty(fc.nat(), async (seed) => {
      const steps = fc.sample(step, { seed, numRuns: actions });
      for (const [n, one] of steps.entries()) await run.step(one, n);
      await run.checkAll();
    });
    // Shrinking is left out: the actions of a run cannot be repeated.
    await fc.assert(property, { numRuns: 1, endOnFailure: true });
  });
});

async function createRun({ network, urls }: Awaited<ReturnType<typeof startEmbedded>>) {
  const urlOf = (n: number) => urls[n % urls.length] ?? '';
  const people = new Map<Name, Person>();
  for (const each of names) people.set(each, await guest(urlOf(0), each));
  const personOf = (who: Name) => people.get(who) as Person;
  const cursors = new Map(
    await Promise.all(names.map(async (who) => [who, await readCursor(urlOf(0), personOf(who).token)] as const)),
  );
  const create = `mutation ($history: HistoryAccess) {
    createRoom(input: { name: "Room", settings: { history: $history } }) { id } }`;
  const open = async (history: History) => ({
    id: (await personOf('host').ask(create, { history })).createRoom.id,
    history,
  });
  const model: Model = createModel([await open('ALL'), await open('SINCE_JOINED')]);
  const act = createActor(model, people);
  const places = new Map<Device, number>();
  const devices = new Map<Name, Device[]>(names.map((who) => [who, [0, 1].map((n) => deviceOf(who, n))]));
  for (const device of places.keys()) device.connect();

  return {
    /** @throws an error that tells which step failed */
    async step(one: Step, n: number): Promise<void> {
      try {
        if ('disturbance' in one) await disturb(one.disturbance);
        else await act(one.action, (query, variables) => askAs(one.action.who, one.gateway, query, variables));
        if (n % round === round - 1) await check();
      } catch (error) {
        throw new Error(`step ${n} failed: ${JSON.stringify(one)}`, { cause: error });
      }
    },
    /** Has everybody come back, and compares once more. */
    async checkAll(): Promise<void> {
      for (const who of [...model.offline]) await toggle(who);
      await check();
    },
    async stop(): Promise<void> {
      for (const device of places.keys()) await device.disconnect();
    },
  };

  function deviceOf(who: Name, n: number): Device {
    const device: Device = createDevice(personOf(who), () => urlOf(places.get(device) ?? 0), cursors.get(who) ?? '');
    places.set(device, n);
    return device;
  }

  async function askAs(who: Name, gateway: number, query: string, variables: object) {
    const { data, errors } = await ask(urlOf(gateway), query, variables, personOf(who).token);
    if (errors.length > 0) throw new Error(JSON.stringify({ query, variables, errors }));
    return data;
  }

  async function disturb(one: Disturbance): Promise<void> {
    switch (one.type) {
      case 'network':
        return network.set(one.gateway, one.fate);
      case 'block':
        return block(one.who, one.whom);
      case 'move': {
        const device = devices.get(one.who)?.[one.device] as Device;
        places.set(device, one.gateway);
        return device.drop();
      }
      case 'away':
        return toggle(one.who);
    }
  }

  async function block(who: Name, whom: Name): Promise<void> {
    if (who === whom) return;
    const blocked = model.blocks.get(who);
    const operation = blocked?.has(whom) ? 'unblock' : 'block';
    await personOf(who).ask(`mutation ($id: ID!) { ${operation}(userId: $id) { id } }`, { id: personOf(whom).id });
    if (!blocked?.delete(whom)) blocked?.add(whom);
  }

  async function toggle(who: Name): Promise<void> {
    const isBack = model.offline.delete(who);
    if (!isBack) model.offline.add(who);
    for (const device of devices.get(who) ?? []) await (isBack ? device.connect() : device.disconnect());
  }

  async function check(): Promise<void> {
    network.heal();
    for (const who of names) for (const room of model.rooms) await checkRoom(who, room);
  }

  async function checkRoom(who: Name, room: Model['rooms'][number]): Promise<void> {
    const [view, counts] = [viewOf(model, room, who), countsOf(model, room, who)];
    const expected = counts && { ...counts, online: counts.online.map((name) => personOf(name).id).sort() };
    for (const url of urls) {
      await vi.waitFor(async () => expect(await readRoom(url, personOf(who), room.id)).toEqual(view));
      await vi.waitFor(async () => expect(await readCounts(url, personOf(who), room.id)).toEqual(expected));
    }
    if (model.offline.has(who)) return;
    for (const device of devices.get(who) ?? [])
      await vi.waitFor(async () => expect(await device.shown(room.id)).toEqual(view));
  }
}
