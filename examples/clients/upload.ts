import { type Upload, uploadMutation } from './documents.ts';

// snippet: upload
/** Uploads a file for a channel by a GraphQL multipart request, and returns its id. For clients that have no uploads. */
export async function uploadFile(url: string, send: typeof fetch, channelId: string, file: File): Promise<string> {
  const form = new FormData();
  form.append('operations', JSON.stringify({ query: uploadMutation, variables: { file: null, channelId } }));
  form.append('map', JSON.stringify({ 0: ['variables.file'] }));
  form.append('0', file);
  const response = await send(url, { method: 'POST', body: form });
  const { data, errors } = (await response.json()) as { data: Upload | null; errors?: { message: string }[] };
  if (!data?.upload) throw new Error(errors?.[0]?.message ?? `The server responded with ${response.status}.`);
  return data.upload.id;
}
// end
