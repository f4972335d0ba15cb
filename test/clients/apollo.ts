import { vi } from 'vitest';
import { WebSocket } from 'ws';
import { type Upload, uploadMutation } from '../../examples/clients/documents.ts';
import { createFetch } from '../../examples/clients/fetch.ts';
import { uploadFile } from '../../examples/clients/upload.ts';
import type { CreateChat } from './scenario.ts';

const webSocketImpl = WebSocket;

/** Whether subscriptions go over HTTP instead of a WebSocket. */
interface Transport {
  isOverHttp?: boolean;
}

/** Loads the example over Apollo Client 4, with the link of apollo-upload-client. */
export async function loadApollo4(transport: Transport = {}): Promise<CreateChat> {
  vi.resetModules();
  const { gql } = await import('@apollo/client/core');
  const { default: UploadHttpLink } = await import('apollo-upload-client/UploadHttpLink.mjs');
  const { createApolloChat } = await import('../../examples/clients/apollo.ts');
  if (transport.isOverHttp) return loadWithFetch(transport);
  return (options) =>
    createApolloChat({
      ...options,
      ...transport,
      webSocketImpl,
      http: new UploadHttpLink({ uri: options.url, fetch: createFetch(options.session) }),
      async upload(client, channelId, file) {
        const variables = { channelId, file };
        const { data } = await client.mutate<Upload>({ mutation: gql(uploadMutation), variables });
        return data?.upload.id ?? '';
      },
    });
}

/** Loads the same example over Apollo Client 3. */
export async function loadApollo3(transport: Transport = {}): Promise<CreateChat> {
  vi.resetModules();
  vi.doMock('@apollo/client/core', () => import('apollo-client-3/core'));
  vi.doMock('@apollo/client/link/subscriptions', () => import('apollo-client-3/link/subscriptions'));
  try {
    return await loadWithFetch(transport);
  } finally {
    vi.doUnmock('@apollo/client/core');
    vi.doUnmock('@apollo/client/link/subscriptions');
  }
}

/** Loads the example with the plain link: the upload goes by `fetch`. */
async function loadWithFetch(transport: Transport): Promise<CreateChat> {
  const { createApolloChat } = await import('../../examples/clients/apollo.ts');
  const { HttpLink } = await import('@apollo/client/core');
  return (options) => {
    const send = createFetch(options.session);
    const http = new HttpLink({ uri: options.url, fetch: send });
    const upload = (_: unknown, channelId: string, file: File) => uploadFile(options.url, send, channelId, file);
    return createApolloChat({ ...options, ...transport, webSocketImpl, http, upload });
  };
}
