import {
  Environment,
  type FetchFunction,
  type GraphQLResponse,
  Network,
  Observable,
  RecordSource,
  Store,
  type SubscribeFunction,
} from 'relay-runtime';
import type { ChatOptions } from '../chat.ts';
import { createFetch } from '../fetch.ts';
import { createNewestStates } from '../messages.ts';
import { createSocket, subscribeResuming } from '../socket.ts';

// snippet: environment
/** Creates the environment: uploads as forms, subscriptions that resume, and the newest state of a message wins. */
export function createEnvironment(options: ChatOptions): { environment: Environment; dispose(): void } {
  const send = createFetch(options.session);
  const socket = createSocket(options);
  const newest = createNewestStates();

  const fetchOperation: FetchFunction = async ({ text: query }, variables, _cacheConfig, uploadables) => {
    const operation = JSON.stringify({ query, variables });
    const request = uploadables ? createForm(operation, uploadables) : operation;
    const headers = uploadables ? {} : { 'content-type': 'application/json' };
    const response = await send(options.url, { method: 'POST', headers, body: request });
    return newest((await response.json()) as GraphQLResponse);
  };
  const subscribeOperation: SubscribeFunction = ({ text }, variables) =>
    Observable.create<GraphQLResponse>((sink) =>
      subscribeResuming(
        socket,
        { query: text ?? '', variables },
        {
          next: (result) => sink.next(newest(result) as GraphQLResponse),
          // Relay wants an `Error`; graphql-ws gives the list of the server's errors.
          error: (errors) => sink.error(Object.assign(new Error('The subscription ended.'), { errors })),
          complete: () => sink.complete(),
        },
      ),
    );
  const environment = new Environment({
    network: Network.create(fetchOperation, subscribeOperation),
    store: new Store(new RecordSource()),
  });
  return { environment, dispose: () => void socket.dispose() };
}

/** A GraphQL multipart request: the name of an uploadable is the name of its variable. */
function createForm(operation: string, uploadables: Record<string, File | Blob>): FormData {
  const form = new FormData();
  const names = Object.keys(uploadables);
  form.append('operations', operation);
  form.append('map', JSON.stringify(Object.fromEntries(names.map((name) => [name, [`variables.${name}`]]))));
  for (const [name, file] of Object.entries(uploadables)) form.append(name, file);
  return form;
}
// end
