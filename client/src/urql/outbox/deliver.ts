import type { Client } from '@urql/core';
import { type Failure, toFailure } from '../errors.ts';
import { type MessageFieldsFragment, type SendInput, SendMessageDocument } from '../gql/graphql.ts';
import type { Upload } from '../upload.ts';
import type { PendingMessage } from './pending-message.ts';
import type { PendingMessages } from './pending-messages.ts';

/** Options of `createDelivery`. */
export interface DeliveryOptions {
  client: Pick<Client, 'mutation'>;
  upload: Upload;
  pending: PendingMessages;
  /** Called with the part of a message's files that is uploaded, from 0 to 1. */
  onProgress(clientId: string, part: number): void;
}

/** Result of an attempt to send a message. */
export type Attempt = { sent: MessageFieldsFragment; failure: null } | { sent: null; failure: Failure };

/**
 * Returns a function that makes one attempt to send a message: it uploads the files, remembers each one that is uploaded, and
 * sends the message with its `clientId`.
 */
export function createDelivery({ client, upload, pending, onProgress }: DeliveryOptions) {
  return async (message: PendingMessage, signal: AbortSignal): Promise<Attempt> => {
    const { message: ready, failure } = await uploadFiles(message, signal);
    if (failure) return { sent: null, failure };
    const { data, error } = await client.mutation(SendMessageDocument, { input: toInput(ready) }).toPromise();
    if (data?.send) return { sent: data.send.message, failure: null };
    return { sent: null, failure: toFailure(error) ?? { code: 'OTHER', message: 'The server sent no result.' } };
  };

  async function uploadFiles(
    message: PendingMessage,
    signal: AbortSignal,
  ): Promise<{ message: PendingMessage; failure: Failure | null }> {
    let present = message;
    const total = message.files.length;
    while (present.files[0] && !signal.aborted) {
      const [{ file }, ...files] = present.files as [PendingMessage['files'][number], ...PendingMessage['files']];
      const done = total - files.length - 1;
      const report = (part: number) => onProgress(message.clientId, (done + part) / total);
      const { data, failure } = await upload(file, { channelId: message.channelId, onProgress: report, signal });
      if (failure) return { message: present, failure };
      present = { ...present, files, attachmentIds: [...present.attachmentIds, data.id] };
      if (!signal.aborted) await pending.put(present);
    }
    return { message: present, failure: null };
  }
}

function toInput(message: PendingMessage): SendInput {
  const { channelId, text, replyToId, data, mentionIds, mentionsAll, attachmentIds, clientId } = message;
  return {
    channelId,
    text,
    clientId,
    replyToId,
    attachmentIds: [...attachmentIds],
    ...(data === undefined ? {} : { data }),
    ...(mentionIds && { mentionIds: [...mentionIds] }),
    ...(mentionsAll && { mentionsAll }),
  };
}
