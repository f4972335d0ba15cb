import { StartError } from '../start-errors.ts';

interface Response {
  data?: unknown;
  errors?: { message: string }[];
}

/** A file to upload. */
export interface SeedFile {
  name: string;
  text: string;
}

/** Creates the client by which a server is seeded. @param url origin of the server */
export function createSeedClient(url: string) {
  return {
    /** Executes an operation. @throws StartError with the first error of the response */
    ask<Data>(query: string, variables: object, token?: string): Promise<Data> {
      const body = JSON.stringify({ query, variables });
      return post(body, { 'content-type': 'application/json', ...authorization(token) });
    },
    /** Executes an operation whose variable `file` is a file. @throws StartError with the first error of the response */
    upload<Data>(query: string, variables: object, token: string, file: SeedFile): Promise<Data> {
      const body = new FormData();
      body.append('operations', JSON.stringify({ query, variables: { ...variables, file: null } }));
      body.append('map', JSON.stringify({ 0: ['variables.file'] }));
      body.append('0', new File([file.text], file.name));
      return post(body, authorization(token));
    },
  };

  async function post<Data>(body: BodyInit, headers: Record<string, string>): Promise<Data> {
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body });
    const { data, errors: [error] = [] } = (await response.json()) as Response;
    if (error) throw new StartError(`The seed was refused: ${error.message}`);
    return data as Data;
  }
}

export type SeedClient = ReturnType<typeof createSeedClient>;

function authorization(token: string | undefined): Record<string, string> {
  // Fetch keeps connections open, over which a restart of the server would go unnoticed.
  return { connection: 'close', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
}
