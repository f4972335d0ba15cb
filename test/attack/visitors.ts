import { request } from 'node:http';
import type { Data } from '../support/client.ts';
import { portOf } from './wire.ts';

/** Guest who was created from a local address. */
export interface Visitor {
  token: string;
  /** Executes an operation from the same address and returns its data; throws for any error. */
  ask(query: string, variables?: object): Promise<Data>;
}

/** Creates a guest from a local address. */
export async function guestFrom(url: string, localAddress: string): Promise<Visitor> {
  const query = 'mutation { guest(input: { name: "Guest" }) { token } }';
  const { token } = (await askFrom(url, localAddress, { query })).guest;
  return {
    token,
    ask: (operation, variables = {}) => askFrom(url, localAddress, { query: operation, variables }, token),
  };
}

async function askFrom(url: string, localAddress: string, body: object, token?: string): Promise<Data> {
  const text = await postFrom(url, localAddress, JSON.stringify(body), token);
  const { data, errors } = JSON.parse(text) as { data: Data; errors?: unknown };
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

function postFrom(url: string, localAddress: string, body: string, token?: string): Promise<string> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const headers = { 'content-type': 'application/json', ...authorization };
  const options = { host: '127.0.0.1', port: portOf(url), path: '/graphql', method: 'POST', localAddress, headers };
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('end', () => resolve(text)).once('error', reject);
    });
    sent.once('error', reject).end(body);
  });
}
