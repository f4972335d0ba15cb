import type { Failure } from './errors.ts';
import { type AttachmentFieldsFragment, UploadFileDocument, type UploadFileMutation } from './gql/graphql.ts';
import type { PostForm } from './platform/platform.ts';
import { type Outcome, readOutcome, textOf } from './request.ts';
import type { TokenSource } from './session.ts';

/** Options of `Upload`. */
export interface UploadOptions {
  /** Channel in which the file will be sent; without one it is a picture for `updateProfile`. */
  channelId?: string | null;
  /** Called with the part that was sent so far, from 0 to 1. */
  onProgress?: ((part: number) => void) | undefined;
  /** Aborts the upload, which then fails with NETWORK. */
  signal?: AbortSignal | undefined;
}

/** Uploads a file. It never rejects. */
export type Upload = (file: File, options?: UploadOptions) => Promise<Outcome<AttachmentFieldsFragment>>;

/** Creates the function that uploads files: by a GraphQL multipart request, since `fetch` tells no progress. */
export function createUpload(url: string, session: TokenSource, postForm: PostForm): Upload {
  return async (file, options = {}) => {
    const token = await session.token();
    const first = await post(file, options, token);
    if (first.failure?.code !== 'UNAUTHENTICATED' || token === null) return first;
    const renewed = await session.renew(token).catch(() => null);
    return renewed === null ? first : post(file, options, renewed);
  };

  async function post(
    file: File,
    { channelId = null, onProgress, signal }: UploadOptions,
    token: string | null,
  ): Promise<Outcome<AttachmentFieldsFragment>> {
    const headers = { accept: 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
    try {
      const body = await postForm(url, { headers, form: formOf(file, channelId), onProgress, signal });
      return toAttachment(readOutcome<UploadFileMutation>(body));
    } catch (error) {
      return { data: null, failure: { code: 'NETWORK', message: String(error) } };
    }
  }
}

function toAttachment({ data, failure }: Outcome<UploadFileMutation>): Outcome<AttachmentFieldsFragment> {
  if (data?.upload) return { data: data.upload, failure: null };
  return { data: null, failure: failure ?? missing };
}

/** https://github.com/jaydenseric/graphql-multipart-request-spec */
function formOf(file: File, channelId: string | null): FormData {
  const form = new FormData();
  const operation = { query: textOf(UploadFileDocument), variables: { file: null, channelId } };
  form.append('operations', JSON.stringify(operation));
  form.append('map', JSON.stringify({ 0: ['variables.file'] }));
  form.append('0', file);
  return form;
}

const missing: Failure = { code: 'OTHER', message: 'The server sent no attachment.' };
