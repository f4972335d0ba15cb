import { ask, type Data } from '../../support/client.ts';

/** Guest who refreshes the token for as long as they stay. */
export interface Resident {
  id: string;
  /** Returns the present token. */
  token(): string;
  /** Executes an operation and returns its data. @throws OperationError for any error of the response */
  ask(query: string, variables?: object): Promise<Data>;
  leave(): void;
}

/** Error of a response, with its code. */
class OperationError extends Error {
  readonly code: string;

  constructor(query: string, code: string, message: string) {
    super(`${query.slice(0, 80)}: ${code} ${message}`);
    this.code = code;
  }
}

const session = 'token refreshToken user { id }';
/** Milliseconds between two refreshes: less than the lifetime of a token. */
const refreshMs = 40_000;

/** Signs a guest in. */
export async function signIn(url: string, name: string): Promise<Resident> {
  const signInQuery = `mutation ($name: String!) { guest(input: { name: $name }) { ${session} } }`;
  const refreshQuery = `mutation ($token: String!) { refresh(refreshToken: $token) { ${session} } }`;
  let current = (await execute(url, signInQuery, { name })).guest;
  let refreshing = Promise.resolve();
  const timer = setInterval(() => {
    refreshing = refreshing.then(refresh);
  }, refreshMs);

  async function refresh(): Promise<void> {
    // A refresh that fails is repeated with the next one, before the token ends or as the grace of a lost response allows.
    const next = await execute(url, refreshQuery, { token: current.refreshToken }).catch(() => null);
    if (next !== null) current = next.refresh;
  }

  return {
    id: current.user.id,
    token: () => current.token,
    ask: (query, variables = {}) => execute(url, query, variables, current.token),
    leave: () => clearInterval(timer),
  };
}

async function execute(url: string, query: string, variables: object, token?: string): Promise<Data> {
  const { data, errors } = await ask(url, query, variables, token);
  const [error] = errors;
  if (error) throw new OperationError(query, error.extensions['code'] ?? '', error.message);
  return data;
}
