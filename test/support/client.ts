import { type Client, createClient } from 'graphql-ws';
import WebSocket from 'ws';

/** What a query answers, loosely typed: a test says what it expects. */
// biome-ignore lint/suspicious/noExplicitAny: answers are compared by the tests that ask
export type Answer = any;

export interface GraphQLAnswer {
  status: number;
  data: Answer;
  errors: { message: string; path?: (string | number)[]; extensions: Record<string, Answer> }[];
}

/** Asks over HTTP; errors are part of the answer. */
export async function ask(url: string, query: string, variables: object = {}, token?: string): Promise<GraphQLAnswer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify({ query, variables }),
  });
  const body = (await response.json()) as { data?: Answer; errors?: GraphQLAnswer['errors'] };
  return { status: response.status, data: body.data ?? null, errors: body.errors ?? [] };
}

/** Somebody who is signed in. */
export interface Person {
  id: string;
  token: string;
  refreshToken: string;
  /** Asks over HTTP; throws for any error. */
  ask(query: string, variables?: object): Promise<Answer>;
  /** Asks over HTTP; answers the code of the first error, or null. */
  codeOf(query: string, variables?: object): Promise<string | null>;
}

/** Signs a guest in. */
export async function guest(url: string, name = 'Guest'): Promise<Person> {
  const { data, errors } = await ask(
    url,
    'mutation ($name: String!) { guest(input: { name: $name }) { token refreshToken user { id } } }',
    { name },
  );
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return person(url, data.guest);
}

/** Somebody with a session. */
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
 * A graphql-ws client as an application would make it, which comes back by itself.
 * @param address of the server, or where to find one at each connection
 */
export function socket(address: string | (() => string), token: string): Client & { drop(): void } {
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
    connectionParams: { authorization: `Bearer ${token}` },
    retryAttempts: Number.POSITIVE_INFINITY,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
    shouldRetry: () => true,
  });
  /** Destroys the TCP socket, as a network that goes away does. */
  const drop = () => {
    for (const one of open) one.terminate();
  };
  return Object.assign(client, { drop });
}

/** What a subscription has brought so far, and how it ended. */
export interface Followed {
  received: Answer[];
  ended: { errors: readonly { extensions?: Record<string, Answer> }[] } | null;
  stop(): void;
}

type FollowedErrors = NonNullable<Followed['ended']>['errors'];

/** After how long a subscription that was UNAVAILABLE is tried again, in milliseconds. */
const againMs = 50;

/**
 * Follows a subscription; the variables are read anew at each reconnect.
 * @param options.insists tries again where the answer is UNAVAILABLE, as an application does
 */
export function follow(
  client: Client,
  query: string,
  variables: Record<string, unknown> = {},
  { insists = false } = {},
): Followed {
  const followed: Followed = { received: [], ended: null, stop: () => {} };
  start();
  return followed;

  function start(): void {
    let isAgain = false;
    const fail = (errors: FollowedErrors) => {
      if (insists && errors[0]?.extensions?.['code'] === 'UNAVAILABLE') isAgain = true;
      else followed.ended = { errors };
    };
    const finish = () => {
      if (isAgain) setTimeout(start, againMs);
      else followed.ended ??= { errors: [] };
    };
    followed.stop = client.subscribe<Answer>(
      { query, variables },
      {
        next: ({ data, errors }) => {
          if (errors) fail(errors as never);
          else followed.received.push(Object.values(data)[0]);
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

/** Follows a channel's messages, resuming after the highest position that was received. */
export function followMessages(
  client: Client,
  channelId: string,
  after: number | null,
  options: { insists?: boolean } = {},
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
