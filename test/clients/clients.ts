import { WebSocket } from 'ws';
import { createEventSourceChat } from '../../examples/clients/event-source.ts';
import { createGraphqlRequestChat } from '../../examples/clients/graphql-request.ts';
import { createGraphqlSseChat } from '../../examples/clients/graphql-sse.ts';
import { createGraphqlWsChat } from '../../examples/clients/graphql-ws.ts';
import { createRelayChat } from '../../examples/clients/relay/relay.ts';
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

/** Clients that run the scenario. Each combination of a client and a transport is one row. */
export const clients: readonly ClientRow[] = [
  {
    name: 'Apollo Client 4',
    version: () => versionOf('@apollo/client'),
    transport: 'graphql-transport-ws',
    load: loadApollo4,
  },
  {
    name: 'Apollo Client 3',
    version: () => versionOf('apollo-client-3'),
    transport: 'graphql-transport-ws',
    load: loadApollo3,
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
    name: 'graphql-sse',
    version: () => versionOf('graphql-sse'),
    transport: 'server-sent events',
    load: async () => createGraphqlSseChat,
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
  {
    name: 'Apollo Kotlin 5',
    version: async () => apolloKotlin[5],
    transport: 'graphql-transport-ws',
    load: loadKotlin(apolloKotlin[5], 'graphql-transport-ws'),
  },
  {
    name: 'Apollo Kotlin 4',
    version: async () => apolloKotlin[4],
    transport: 'graphql-transport-ws',
    load: loadKotlin(apolloKotlin[4], 'graphql-transport-ws'),
  },
  {
    name: 'Apollo Kotlin 4, `network.ws`',
    version: async () => apolloKotlin[4],
    transport: 'graphql-transport-ws',
    load: loadKotlin(apolloKotlin[4], 'network.ws'),
  },
];
