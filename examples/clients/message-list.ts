import { createClientId } from '../../client/src/urql/client-id.ts';
import type { Message, User } from './chat.ts';
import type { SendInput } from './documents.ts';
import { mergeMessage, pendingMessage } from './messages.ts';

/** The messages of one channel, for clients without a normalized cache. */
export interface MessageList {
  get(): readonly Message[];
  merge(message: Message): void;
  reset(messages: readonly Message[]): void;
  /**
   * Shows a message at once, and sends it.
   * @param send sends it, and resolves with the message that the server made of it
   */
  send(input: Omit<SendInput, 'clientId'>, send: (input: SendInput) => Promise<Message>): Promise<void>;
}

/** Creates the list of the messages that a screen shows. @param author returns the viewer */
export function createMessageList(author: () => User): MessageList {
  let list: readonly Message[] = [];
  return {
    get: () => list,
    merge(message) {
      list = mergeMessage(list, message);
    },
    reset(messages) {
      list = messages.reduce<readonly Message[]>(mergeMessage, []);
    },
    async send(content, send) {
      const input = { ...content, clientId: createClientId() };
      const pending = pendingMessage(author(), input);
      list = mergeMessage(list, pending);
      try {
        list = mergeMessage(list, await send(input));
      } finally {
        list = list.filter(({ id }) => id !== pending.id);
      }
    },
  };
}
