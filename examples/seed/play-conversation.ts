import type { Account, Accounts } from './accounts.ts';
import type { Client } from './client.ts';
import type { Conversation, Line } from './conversations.ts';
import type { KnownMessage } from './operations.ts';
import * as operations from './operations.ts';
import { drawPicture } from './pictures.ts';

/** Number of the newest entries that some of the members have not seen, so that there are unread counts to look at. */
const unseen = 3;

/**
 * Sends the messages of a conversation that the channel does not have yet, one after another, and marks most of them as seen.
 * @returns the number of messages that were sent
 */
export async function playConversation(
  client: Client,
  accounts: Accounts,
  channelId: string,
  { key, lines }: Conversation,
): Promise<number> {
  const authors = [...new Set(lines.map(({ by }) => by))];
  const known = await readHistory();
  const sentIds = new Map<string, string>();
  let sent = 0;
  for (const [index, line] of lines.entries()) {
    const clientId = `seed-${key}-${index}`;
    const message = known.get(clientId) ?? (await send(line, clientId));
    if (!known.has(clientId)) sent++;
    if (line.id) sentIds.set(line.id, message.id);
    await change(client, accounts[line.by], line, message);
  }
  if (sent > 0) await markSeen();
  return sent;

  async function send({ by, text, replyTo, pictures = [] }: Line, clientId: string): Promise<KnownMessage> {
    const { token } = accounts[by];
    const attachmentIds: string[] = [];
    for (const picture of pictures) {
      const file = await drawPicture(picture);
      attachmentIds.push((await client.upload(operations.upload, { channelId }, token, file)).upload.id);
    }
    const replyToId = (replyTo && sentIds.get(replyTo)) ?? null;
    const input = { channelId, clientId, text, replyToId, attachmentIds };
    const { message } = (await client.request(operations.send, { input }, token)).send;
    return { ...message, clientId, editedAt: null, deletedAt: null };
  }

  /** Returns the messages of the channel that have a `clientId`, by that id. */
  async function readHistory(): Promise<Map<string, KnownMessage>> {
    const [reader = 'amara'] = authors;
    const { channel } = await client.request(operations.history, { channelId }, accounts[reader].token);
    return new Map(channel.messages.nodes.flatMap((node) => (node.clientId ? [[node.clientId, node] as const] : [])));
  }

  /** Every second author has read everything, the others all but the newest entries. */
  async function markSeen(): Promise<void> {
    const last = Math.max(...[...(await readHistory()).values()].map(({ seq }) => seq));
    for (const [index, author] of authors.entries()) {
      const seq = Math.max(1, index % 2 === 0 ? last : last - unseen);
      await client.request(operations.markSeen, { channelId, seq }, accounts[author].token);
    }
  }
}

/** Edits or deletes a message as its line says, unless that has happened already. */
async function change(client: Client, { token }: Account, line: Line, message: KnownMessage): Promise<void> {
  const messageId = message.id;
  if (line.edited && !message.editedAt)
    await client.request(operations.editMessage, { messageId, text: line.edited }, token);
  if (line.isDeleted && !message.deletedAt) await client.request(operations.deleteMessage, { messageId }, token);
}
