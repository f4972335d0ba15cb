import type { GraphQLSchema } from 'graphql';
import type { Domain } from '../../../schema/domain.ts';
import type { Callers } from '../auth/caller.ts';
import type { WaitInTime } from '../graphql/time-limit.ts';
import { createAvatarHandler } from './avatars.ts';
import { createFileHandler } from './files.ts';
import type { GraphiQLPages } from './graphiql-pages.ts';
import type { Handler } from './handler.ts';
import type { IsAllowedOrigin } from './origins.ts';
import type { RequestFacts } from './request-log.ts';
import { graphqlMethods, type Route, readMethods } from './routes.ts';
import { createSchemaHandler } from './schema-file.ts';
import { createStatic } from './static.ts';

/** A request on its way to a handler. */
export interface Routed {
  path: string;
  requestId: string;
  facts: RequestFacts;
}

/** Parts and settings of the routes. */
interface RouteOptions {
  handleGraphQL: Route<Routed>['handle'];
  graphiqlPages: GraphiQLPages;
  domain: Domain;
  /** Routes of the probes, by path. */
  health: { routes: Readonly<Record<string, Handler>> };
  callers: Callers;
  isAllowedOrigin: IsAllowedOrigin;
  waitInTime: WaitInTime;
  schema: GraphQLSchema;
  /** Whether clients may read the schema. */
  introspection: boolean;
  /** Directory of the built web client. */
  clientDir: string;
  /** Origin from which the web client also loads pictures; null: only from this server. */
  pictureOrigin: string | null;
  /** Milliseconds after which a file's stream that yields nothing is given up. */
  executionTimeoutMs: number;
}

/** Creates the function that finds the route of a path. Paths are compared as they are written. */
export function createFindRoute(options: RouteOptions): (path: string) => Route<Routed> {
  const { domain, health, waitInTime } = options;
  const avatars = createAvatarHandler(domain.avatars, options.callers, waitInTime);
  const files = createFileHandler(domain.uploads, { waitInTime, stallMs: options.executionTimeoutMs });
  const schemaFile = createSchemaHandler(options.schema, options.introspection);
  const client = createStatic(options.clientDir, options.pictureOrigin);
  const permits = options.isAllowedOrigin;
  const graphql: Route<Routed> = {
    methods: graphqlMethods,
    handle: options.handleGraphQL,
    permits,
  };

  return (path) => {
    if (path === '/graphql') return graphql;
    const graphiqlFile = options.graphiqlPages.handlerOf(path);
    if (graphiqlFile) return { methods: readMethods, handle: graphiqlFile };
    if (path === '/schema.graphql') return { methods: readMethods, handle: schemaFile, permits };
    if (path === '*') return { methods: graphqlMethods, handle: client };
    if (path.startsWith('/avatars/')) return { methods: readMethods, handle: avatars, permits: '*' };
    if (path.startsWith('/files/')) return { methods: readMethods, handle: files, permits: '*' };
    return { methods: readMethods, handle: health.routes[path] ?? client };
  };
}
