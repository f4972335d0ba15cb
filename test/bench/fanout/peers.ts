import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { start } from '../processes.ts';
import { openWire } from '../wire.ts';
import type { Profile } from './profiles.ts';
import { centrifuge, graphqlTransport, type Protocol, raw, socketIo } from './protocols.ts';
import type { Target } from './target.ts';

/** Program of a peer, and the protocol of its clients. */
interface Peer {
  command: readonly [program: string, ...args: string[]];
  protocol: Protocol;
}

const directory = fileURLToPath(new URL('../peers/', import.meta.url));
const script = (name: string): Peer['command'] => [process.execPath, '--import', 'tsx', `${directory}${name}.ts`];

/** Peers that Parley is compared with. */
export const peers: Record<string, () => Peer> = {
  ws: () => ({ command: script('ws'), protocol: raw }),
  'Socket.IO': () => ({ command: script('socketio'), protocol: socketIo }),
  'graphql-ws': () => ({ command: script('graphql-ws'), protocol: graphqlTransport(null) }),
  Yoga: () => ({ command: script('yoga'), protocol: graphqlTransport(null) }),
  Mercurius: () => ({ command: script('mercurius'), protocol: graphqlTransport(null) }),
  Centrifuge: () => ({ command: [buildCentrifuge()], protocol: centrifuge }),
};

/** Whether there is a Go compiler, which Centrifuge needs. */
export function hasGo(): boolean {
  try {
    execFileSync('go', ['version']);
    return true;
  } catch {
    return false;
  }
}

function buildCentrifuge(): string {
  const binary = `${homedir()}/.cache/parley-bench/centrifuge`;
  execFileSync('go', ['build', '-o', binary, '.'], { cwd: `${directory}centrifuge`, stdio: 'inherit' });
  return binary;
}

/** Lists the libraries of the peers with their versions. */
export function versions(): string {
  const packages = ['ws', 'socket.io', 'graphql', 'graphql-ws', 'graphql-yoga', 'mercurius'].map((name) => {
    const manifest = readFileSync(new URL(`../../../node_modules/${name}/package.json`, import.meta.url), 'utf8');
    return `${name} ${(JSON.parse(manifest) as { version: string }).version}`;
  });
  const modules = readFileSync(`${directory}centrifuge/go.mod`, 'utf8');
  const centrifuge = /centrifugal\/centrifuge v(\S+)/.exec(modules)?.[1];
  const go = hasGo() ? execFileSync('go', ['version'], { encoding: 'utf8' }).split(' ')[2] : 'no Go';
  return `${packages.join(', ')}, centrifuge ${centrifuge} (${go}).`;
}

/** Starts a peer. */
export async function startPeer(name: string, profile: Profile): Promise<Target> {
  const { command, protocol } = peers[name]?.() ?? unknown(name);
  const { child, ready, stop } = await start(command, /ready (\d+) (\d+)/);
  const control = connect(Number(ready[2]), '127.0.0.1');
  control.setNoDelay(true);
  await once(control, 'connect');
  const port = Number(ready[1]);
  return {
    name,
    pid: child.pid ?? 0,
    async follow(connection, onDeliveries) {
      const rooms = profile.roomsOf(connection).map((room) => `room-${room}`);
      const address = { port, path: protocol.path, ...(protocol.protocol ? { protocol: protocol.protocol } : {}) };
      const wire = await openWire(address, (text, self) => {
        const count = protocol.handle(text, self, () => protocol.join(self, rooms));
        if (count > 0) onDeliveries(count, text);
      });
      protocol.hello(wire);
      if (protocol === raw) raw.join(wire, rooms);
      return wire;
    },
    publish: (room, text) => void control.write(`room-${room}\t${text}\n`),
    async stop() {
      control.destroy();
      await stop();
    },
  };
}

function unknown(name: string): never {
  throw new Error(`there is no peer ${name}: ${Object.keys(peers).join(', ')}`);
}
