import { randomUUID } from 'node:crypto';
import { type Client, createClient } from 'graphql-ws';
import WebSocket from 'ws';

/** Data of a response, without a type: each test compares it with the data that it expects. */
// biome-ignore lint/suspicious/noExplicitAny: tests compare the data with expected values
export type Data = any;

/** Response to an operation over HTTP. */
export interface GraphQLResponse {
  status: number;
  data: Data;
  errors: { message: string; path?: (string | number)[]; extensions: Record<string, Data> }[];
}

/** Executes an operation over HTTP. Errors are part of the result. */
export async function ask(
  url: string,
  query: string,
  variables: object = {},
  token?: string,
): Promise<GraphQLResponse> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify({ query, variables }),
  });
  const body = (await response.json()) as { data?: Data; errors?: GraphQLResponse['errors'] };
  return { status: response.status, data: body.data ?? null, errors: body.errors ?? [] };
}

/** Signed-in user. */
export interface Person {
  id: string;
  token: string;
  refreshToken: string;
  /** Executes an operation over HTTP and returns its data; throws for any error. */
  ask(query: string, variables?: object): Promise<Data>;
  /** Executes an operation over HTTP and returns the code of its first error, or null. */
  codeOf(query: string, variables?: object): Promise<string | null>;
}

/** Signs in a guest. */
export async function guest(url: string, name = 'Guest'): Promise<Person> {
  const { data, errors } = await ask(
    url,
    'mutation ($name: String!) { guest(input: { name: $name }) { token refreshToken user { id } } }',
    { name },
  );
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return person(url, data.guest);
}

/** Password of the users that `registered` registers. */
export const password = 'correct horse';

/** Registers a user, by default with an e-mail address of their own. */
export async function registered(url: string, name = 'Ada', email = `${randomUUID()}@example.org`): Promise<Person> {
  const input = { name, email, password };
  const { data, errors } = await ask(
    url,
    'mutation ($input: RegisterInput!) { register(input: $input) { token refreshToken user { id } } }',
    { input },
  );
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return person(url, data.register);
}

/** Creates the client of a signed-in user. */
function person(url: string, session: { token: string; refreshToken: string; user: { id: string } }): Person {
  const { token, refreshToken, user } = session;
  return {
    id: user.id,
    token,
    refreshToken,
    async ask(query, variables = {}) {
      const { data, errors } = await ask(url, query, variables, token);
      if (errors.length > 0) throw new Error(`${query}\n${JSON.stringify(variables)}\n${JSON.stringify(errors)}`);
      return data;
    },
    async codeOf(query, variables = {}) {
      const { errors } = await ask(url, query, variables, token);
      return errors[0]?.extensions['code'] ?? null;
    },
  };
}

/**
 * Creates a graphql-ws client that reconnects, as an application does.
 * @param address URL of the server, or a function that returns one for each connection
 * @param token token of the user, or a function that returns the present one for each connection
 * @param options.keepMs milliseconds for which a connection without operations stays open
 */
export function socket(
  address: string | (() => string),
  token: string | (() => string),
  { keepMs = 0 } = {},
): Client & { drop(): void } {
  const url = () => `${(typeof address === 'string' ? address : address()).replace('http', 'ws')}/graphql`;
  const open = new Set<WebSocket>();
  class TrackedSocket extends WebSocket {
    constructor(address: string, protocols?: string | string[]) {
      super(address, protocols);
      open.add(this);
      this.once('close', () => open.delete(this));
    }
  }
  const client = createClient({
    url,
    webSocketImpl: TrackedSocket,
    lazyCloseTimeout: keepMs,
    connectionParams: () => ({ authorization: `Bearer ${typeof token === 'string' ? token : token()}` }),
    retryAttempts: Number.POSITIVE_INFINITY,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
    shouldRetry: () => true,
  });
  /** Destroys the TCP socket, as a network failure does. */
  const drop = () => {
    for (const one of open) one.terminate();
  };
  return Object.assign(client, { drop });
}

/** Events that a subscription has received so far, and how it ended. */
export interface Followed {
  received: Data[];
  ended: { errors: readonly { extensions?: Record<string, Data> }[] } | null;
  stop(): void;
}

type FollowedErrors = NonNullable<Followed['ended']>['errors'];

/** Milliseconds until a subscription that failed with UNAVAILABLE is retried. */
const retryMs = 50;

/** How a subscription is followed. */
export interface FollowOptions {
  /** Retries a subscription that fails with UNAVAILABLE, as an application does. */
  retries?: boolean;
  /** Called with each event when it is received. */
  onEvent?: (event: Data) => void;
}

/** Follows a subscription. The variables are read again at each reconnection. */
export function follow(
  client: Client,
  query: string,
  variables: Record<string, unknown> = {},
  { retries = false, onEvent = () => {} }: FollowOptions = {},
): Followed {
  const followed: Followed = { received: [], ended: null, stop: () => {} };
  start();
  return followed;

  function start(): void {
    let isRetried = false;
    const fail = (errors: FollowedErrors) => {
      if (retries && errors[0]?.extensions?.['code'] === 'UNAVAILABLE') isRetried = true;
      else followed.ended = { errors };
    };
    const finish = () => {
      if (isRetried) setTimeout(start, retryMs);
      else followed.ended ??= { errors: [] };
    };
    followed.stop = client.subscribe<Data>(
      { query, variables },
      {
        next: ({ data, errors }) => {
          if (errors) return fail(errors as never);
          const [event] = Object.values(data ?? {});
          followed.received.push(event);
          onEvent(event);
        },
        error: (error) => {
          fail(Array.isArray(error) ? error : [{ extensions: { code: String(error) } }]);
          finish();
        },
        complete: finish,
      },
    );
  }
}

/** Follows a channel's messages, and resumes after the highest position that was received. */
export function followMessages(
  client: Client,
  channelId: string,
  after: number | null,
  options: FollowOptions = {},
): Followed {
  const followed: { current: Followed | null } = { current: null };
  const variables = {
    channelId,
    get after() {
      return followed.current?.received.at(-1)?.position ?? after;
    },
  };
  followed.current = follow(client, messagesQuery, variables, options);
  return followed.current;
}

const messagesQuery = `subscription ($channelId: ID!, $after: Int) {
  messages(channelId: $channelId, after: $after) { id seq position kind text deletedAt author { id name } }
}`;
