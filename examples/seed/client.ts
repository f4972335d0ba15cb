import { setTimeout as delay } from 'node:timers/promises';

/** A GraphQL operation with the types of its data and its variables. */
export interface Operation<Data, Variables> {
  query: string;
  /** Never set: carries the types. */
  types?: [Data, Variables];
}

/** Thrown when the server refuses an operation. */
export class OperationError extends Error {
  override readonly name = 'OperationError';
  /** Value of `extensions.code`. */
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

interface Result<Data> {
  data?: Data;
  errors?: { message: string; extensions?: { code?: string; retryAfterMs?: number } }[];
}

/** Creates a client of one server, which waits and repeats an operation for as long as the response is RATE_LIMITED. */
export function createClient(url: string) {
  return { request, upload };

  /**
   * Executes an operation.
   * @param token access token of a user; operations without one are anonymous
   * @throws OperationError with the first error of the response
   */
  function request<Data, Variables>(
    { query }: Operation<Data, Variables>,
    variables: Variables,
    token?: string,
  ): Promise<Data> {
    const body = JSON.stringify({ query, variables });
    return execute(() => ({ body, headers: { 'content-type': 'application/json', ...authorization(token) } }));
  }

  /**
   * Executes an operation with a file by a GraphQL multipart request: the variable `file` is the file.
   * @throws OperationError with the first error of the response
   */
  function upload<Data, Variables extends object>(
    { query }: Operation<Data, Variables>,
    variables: Variables,
    token: string,
    file: File,
  ): Promise<Data> {
    return execute(() => {
      const body = new FormData();
      body.append('operations', JSON.stringify({ query, variables: { ...variables, file: null } }));
      body.append('map', JSON.stringify({ 0: ['variables.file'] }));
      body.append('0', file);
      return { body, headers: authorization(token) };
    });
  }

  async function execute<Data>(makeRequest: () => RequestInit): Promise<Data> {
    for (;;) {
      const response = await fetch(`${url}/graphql`, { method: 'POST', ...makeRequest() }).catch((cause: unknown) => {
        throw new Error(`No server responds at ${url}: start one, or pass its URL as an argument.`, { cause });
      });
      const { data, errors: [error] = [] } = (await response.json()) as Result<Data>;
      const { code = '', retryAfterMs = 1_000 } = error?.extensions ?? {};
      if (code === 'RATE_LIMITED') await delay(retryAfterMs);
      else if (error) throw new OperationError(error.message, code);
      else if (data) return data;
      else throw new OperationError(`${url} responded with ${response.status} and no data`, '');
    }
  }
}

export type Client = ReturnType<typeof createClient>;

function authorization(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
