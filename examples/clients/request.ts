import type { ChatOptions } from './chat.ts';
import { createFetch } from './fetch.ts';

/** Returns a function that runs a query or a mutation with `fetch` alone, and throws the errors of the response. */
export function createRequest({ url, session }: ChatOptions) {
  const send = createFetch(session);
  return async <Data>(query: string, variables: object): Promise<Data> => {
    const headers = { 'content-type': 'application/json', accept: 'application/graphql-response+json' };
    const response = await send(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
    const { data, errors } = (await response.json()) as { data: Data; errors?: { message: string }[] };
    if (errors) throw new AggregateError(errors, errors[0]?.message);
    return data;
  };
}
