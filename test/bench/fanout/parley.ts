import { askAll, type Parley, type Services, startDistributed, startEmbedded } from '../parley.ts';
import { openWire, type Wire } from '../wire.ts';
import type { Profile } from './profiles.ts';
import { graphqlTransport } from './protocols.ts';
import type { Target } from './target.ts';

const send =
  'mutation Send($channelId: ID!, $text: String!) { send(input: { channelId: $channelId, text: $text }) { message { id } } }';

/**
 * Starts Parley with real users, sessions and memberships.
 * @param services services of a distributed Parley; null runs everything in one process
 */
export async function startParley(profile: Profile, services: Services | null): Promise<Target> {
  const parley = services === null ? await startEmbedded() : await startDistributed(services);
  const tokens = await signIn(parley, profile.connections);
  const channels = await openRooms(parley, profile, tokens);
  const senders = await openSenders(parley, profile, tokens);
  let sent = 0;
  return {
    name: parley.mode === 'distributed' ? 'Parley' : 'Parley embedded',
    pid: parley.gateway.child.pid ?? 0,
    async follow(connection, onDeliveries) {
      const protocol = graphqlTransport(tokens[connection] ?? '');
      const rooms = profile.roomsOf(connection).map((room) => channels[room] ?? '');
      const wire = await openWire(addressOf(parley.gateway.url), (text, self) => {
        const count = protocol.handle(text, self, () => protocol.join(self, rooms));
        if (count > 0) onDeliveries(count, text);
      });
      protocol.hello(wire);
      return wire;
    },
    publish(room, text) {
      const payload = { query: send, variables: { channelId: channels[room], text } };
      senders[room]?.send(JSON.stringify({ id: String(sent++), type: 'subscribe', payload }));
    },
    async stop() {
      for (const sender of senders) sender.close();
      await parley.stop();
    },
  };
}

function addressOf(url: URL) {
  return { port: Number(url.port), path: '/graphql', protocol: 'graphql-transport-ws' };
}

async function signIn({ backstage }: Parley, people: number): Promise<string[]> {
  const query = 'mutation ($name: String!) { guest(input: { name: $name }) { token } }';
  const asked = Array.from({ length: people }, (_, n) => ({ query, variables: { name: `Guest ${n}` } }));
  const sessions = await askAll<{ guest: { token: string } }>(backstage, asked);
  return sessions.map(({ guest }) => guest.token);
}

/** Opens a channel per room by its first subscriber, and returns the ids. */
async function openRooms({ backstage }: Parley, profile: Profile, tokens: readonly string[]): Promise<string[]> {
  const members = membersOf(profile);
  const open = 'mutation ($name: String!) { createRoom(input: { name: $name }) { id } }';
  const opened = members.map(([owner = 0], n) => ({
    query: open,
    variables: { name: `Room ${n}` },
    token: tokens[owner] ?? '',
  }));
  const rooms = (await askAll<{ createRoom: { id: string } }>(backstage, opened)).map(
    ({ createRoom }) => createRoom.id,
  );
  const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
  const joined = members.flatMap(([, ...others], n) =>
    others.map((member) => ({ query: join, variables: { id: rooms[n] }, token: tokens[member] ?? '' })),
  );
  await askAll(backstage, joined);
  return rooms;
}

/** Lists the connections that follow each room. */
function membersOf({ connections, rooms, roomsOf }: Profile): number[][] {
  const members: number[][] = Array.from({ length: rooms }, () => []);
  for (let n = 0; n < connections; n++) for (const room of roomsOf(n)) members[room]?.push(n);
  return members;
}

/** Opens a socket that is not measured for the sender of each room. */
async function openSenders({ backstage }: Parley, profile: Profile, tokens: readonly string[]): Promise<Wire[]> {
  const sockets = new Map<number, Promise<Wire>>();
  const openOnce = (person: number) => {
    const present = sockets.get(person) ?? openSender(backstage, tokens[person] ?? '');
    sockets.set(person, present);
    return present;
  };
  return Promise.all(membersOf(profile).map(([first = 0]) => openOnce(first)));
}

async function openSender(url: URL, token: string): Promise<Wire> {
  const protocol = graphqlTransport(token);
  return new Promise((resolve, reject) => {
    openWire(addressOf(url), (text, self) => {
      if (text.includes('"errors"')) process.stderr.write(`${text}\n`);
      else protocol.handle(text, self, () => resolve(self));
    }).then(protocol.hello, reject);
  });
}
