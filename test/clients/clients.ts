import { WebSocket } from 'ws';
import { createEventSourceChat } from '../../examples/clients/event-source.ts';
import { createGraphqlRequestChat } from '../../examples/clients/graphql-request.ts';
import { createGraphqlSseChat } from '../../examples/clients/graphql-sse.ts';
import { createGraphqlWsChat } from '../../examples/clients/graphql-ws.ts';
import { createRelayChat } from '../../examples/clients/relay/relay.ts';
import { createTransportWsChat } from '../../examples/clients/subscriptions-transport-ws.ts';
import { createUrqlChat } from '../../examples/clients/urql.ts';
import { createGraphcacheChat } from '../../examples/clients/urql-graphcache.ts';
import { loadApollo3, loadApollo4 } from './apollo.ts';
import { loadCurl, loadJava, loadKotlin } from './foreign.ts';
import { apolloKotlin } from './kotlin.ts';
import type { CreateChat } from './scenario.ts';
import { versionOf } from './versions.ts';

/** Row of the table in `docs/clients.md`. */
export interface ClientRow {
  name: string;
  /** How its events arrive. */
  transport: string;
  /** Resolves with the version that ran. */
  version(): Promise<string>;
  /** @param directory of the compiled programs, and for files */
  load(directory: string): Promise<CreateChat>;
}

const webSocketImpl = WebSocket;
/** A program of the machine: any version. */
const installed = async () => '';

/** The argument of the agent, how its events arrive, and a note for the name. */
type KotlinTransport = readonly [argument: string, transport: string, note: string];

const kotlinTransports: Readonly<Record<4 | 5, readonly KotlinTransport[]>> = {
  5: [
    ['default', 'graphql-transport-ws', ', by its defaults'],
    ['graphql-transport-ws', 'graphql-transport-ws', ''],
    ['multipart', 'multipart', ''],
  ],
  4: [
    ['graphql-ws', 'graphql-ws', ', by its defaults'],
    ['network.ws', 'graphql-transport-ws', ', `network.ws`'],
    ['graphql-transport-ws', 'graphql-transport-ws', ''],
    ['multipart', 'multipart', ''],
  ],
};

/** Clients that run the scenario. Each combination of a client and a transport is one row. */
export const clients: readonly ClientRow[] = [
  {
    name: 'Apollo Client 4',
    version: () => versionOf('@apollo/client'),
    transport: 'graphql-transport-ws',
    load: () => loadApollo4(),
  },
  {
    name: 'Apollo Client 4',
    version: () => versionOf('@apollo/client'),
    transport: 'multipart',
    load: () => loadApollo4({ isOverHttp: true }),
  },
  {
    name: 'Apollo Client 3',
    version: () => versionOf('apollo-client-3'),
    transport: 'graphql-transport-ws',
    load: () => loadApollo3(),
  },
  {
    name: 'Apollo Client 3',
    version: () => versionOf('apollo-client-3'),
    transport: 'multipart',
    load: () => loadApollo3({ isOverHttp: true }),
  },
  {
    name: 'urql',
    version: () => versionOf('urql'),
    transport: 'graphql-transport-ws',
    load: async () => (options) => createUrqlChat({ ...options, webSocketImpl }),
  },
  {
    name: 'urql with Graphcache',
    version: () => versionOf('@urql/exchange-graphcache'),
    transport: 'graphql-transport-ws',
    load: async () => (options) => createGraphcacheChat({ ...options, webSocketImpl }),
  },
  {
    name: 'Relay',
    version: () => versionOf('relay-runtime'),
    transport: 'graphql-transport-ws',
    load: async () => (options) => createRelayChat({ ...options, webSocketImpl }),
  },
  {
    name: 'graphql-ws',
    version: () => versionOf('graphql-ws'),
    transport: 'graphql-transport-ws',
    load: async () => (options) => createGraphqlWsChat({ ...options, webSocketImpl }),
  },
  {
    name: 'subscriptions-transport-ws',
    version: () => versionOf('subscriptions-transport-ws'),
    transport: 'graphql-ws',
    load: async () => (options) => createTransportWsChat({ ...options, webSocketImpl }),
  },
  {
    name: 'graphql-sse',
    version: () => versionOf('graphql-sse'),
    transport: 'server-sent events',
    load: async () => createGraphqlSseChat,
  },
  {
    name: 'graphql-sse',
    version: () => versionOf('graphql-sse'),
    transport: 'server-sent events, single connection',
    load: async () => (options) => createGraphqlSseChat(options, { singleConnection: true }),
  },
  {
    name: 'EventSource',
    version: () => versionOf('eventsource'),
    transport: 'server-sent events',
    load: async () => createEventSourceChat,
  },
  {
    name: 'graphql-request',
    version: () => versionOf('graphql-request'),
    transport: 'polled `changes`',
    load: async () => createGraphqlRequestChat,
  },
  { name: 'curl', version: installed, transport: 'server-sent events', load: loadCurl },
  {
    name: 'java.net.http.HttpClient',
    version: installed,
    transport: 'graphql-transport-ws',
    load: loadJava,
  },
  ...([5, 4] as const).flatMap((major) => kotlinTransports[major].map((transport) => kotlinRow(major, transport))),
];

/** Returns the row of Apollo Kotlin over a transport. */
function kotlinRow(major: 4 | 5, [argument, transport, note]: KotlinTransport): ClientRow {
  const version = apolloKotlin[major];
  const name = `Apollo Kotlin ${major}${note}`;
  return { name, version: async () => version, transport, load: loadKotlin(version, argument) };
}
