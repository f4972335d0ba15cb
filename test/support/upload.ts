import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ask, type GraphQLResponse } from './client.ts';

export const uploadQuery = `mutation ($file: Upload!, $channelId: ID) {
  upload(file: $file, channelId: $channelId) { id filename mimetype byteSize width height url thumbnailUrl urlExpiresAt }
}`;

/** File to upload, as a form contains it. */
export interface TestFile {
  bytes: Uint8Array | string;
  filename?: string;
  /** Media type that the client declares. */
  type?: string;
}

/** Posts a form to `/graphql`. */
export async function postForm(
  url: string,
  form: FormData,
  headers: Record<string, string> = {},
): Promise<GraphQLResponse> {
  const response = await fetch(`${url}/graphql`, { method: 'POST', body: form, headers });
  const { data = null, errors = [] } = (await response.json()) as Partial<GraphQLResponse>;
  return { status: response.status, data, errors };
}

/** Posts the raw body of a form whose boundary is `b` to `/graphql`; `headers` may name its type in another form. */
export async function postBody(url: string, body: Buffer, headers: Record<string, string>): Promise<GraphQLResponse> {
  const type = { 'content-type': 'multipart/form-data; boundary=b' };
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    body: body as BodyInit,
    headers: { ...type, ...headers },
  });
  const { data = null, errors = [] } = (await response.json()) as Partial<GraphQLResponse>;
  return { status: response.status, data, errors };
}

/** Rooms of users by token, made by `roomOf`. */
const rooms = new Map<string, Promise<string>>();

/** Returns the id of a room of a user, which the first call opens. */
export function roomOf(url: string, token: string): Promise<string> {
  const key = `${url} ${token}`;
  const opened = rooms.get(key) ?? openRoom(url, token);
  rooms.set(key, opened);
  return opened;
}

async function openRoom(url: string, token: string): Promise<string> {
  const { data } = await ask(url, 'mutation { createRoom(input: { name: "Files" }) { id } }', {}, token);
  return data.createRoom.id;
}

/**
 * Uploads a file with a GraphQL multipart request.
 * @param channel id of a channel, or null for none; by default a room of the user
 */
export async function upload(
  url: string,
  token: string,
  { bytes, filename = 'file', type = '' }: TestFile,
  channel?: string | null,
): Promise<GraphQLResponse> {
  const channelId = channel === undefined ? await roomOf(url, token) : channel;
  const form = new FormData();
  form.append('operations', JSON.stringify({ query: uploadQuery, variables: { file: null, channelId } }));
  form.append('map', JSON.stringify({ 0: ['variables.file'] }));
  form.append('0', new Blob([bytes as BlobPart], { type }), filename);
  return postForm(url, form, { authorization: `Bearer ${token}` });
}

/** Lists the names of all files in a server's directory, including incomplete ones. */
export async function storedFiles(directory: string): Promise<string[]> {
  const entries = await readdir(join(directory, 'files'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}
