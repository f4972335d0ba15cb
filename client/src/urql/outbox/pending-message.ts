import type { Failure } from '../errors.ts';

/** A message to send. */
export interface NewMessage {
  channelId: string;
  text: string;
  replyToId?: string | null;
  data?: unknown;
  mentionIds?: readonly string[];
  mentionsAll?: boolean;
  /** Ids of files that were uploaded for this channel already. */
  attachmentIds?: readonly string[];
  /** Files to upload before the message is sent. They are stored with it until then. */
  files?: readonly File[];
}

/** A message that is being sent or that failed. */
export interface PendingMessage extends Omit<NewMessage, 'attachmentIds' | 'files'> {
  /** Idempotency key, the same for every attempt, so that a retry does not create a second message. */
  clientId: string;
  /** Place among the pending messages: earlier ones are less, compared as texts. */
  order: string;
  /** Time of writing, ISO 8601. */
  writtenAt: string;
  files: readonly PendingFile[];
  attachmentIds: readonly string[];
  state: 'sending' | 'failed';
  failure: Failure | null;
}

/** A file of a pending message that is not uploaded yet. */
export interface PendingFile {
  /** For instance to abort it or to show its progress. */
  key: string;
  file: File;
}
