import type { Chat, ChatOptions, Message } from './chat.ts';
import {
  type CreateRoom,
  createRoomMutation,
  type Edit,
  editMutation,
  type Guest,
  guestMutation,
  type Page,
  pageQuery,
  type Send,
  sendMutation,
} from './documents.ts';
import { createFetch } from './fetch.ts';
import { type FollowVariables, follow, type Sink } from './follow.ts';
import { createMessageList } from './message-list.ts';
import { uploadFile } from './upload.ts';

/** The parts that differ between clients without a cache. */
interface Client {
  /** Runs a query or a mutation, and resolves with its data. */
  request<Data>(query: string, variables: object): Promise<Data>;
  subscribe(variables: FollowVariables, sink: Sink): () => void;
  /** Uploads a file and resolves with its id; by `fetch` if left out. */
  upload?(channelId: string, file: File): Promise<string>;
  dispose(): void;
}

/** Makes a chat of a client that has no cache: the list of messages is kept beside it. */
export function createRequestChat({ url, session }: ChatOptions, client: Client): Chat {
  const { request, subscribe, dispose } = client;
  const { upload = (channelId, file) => uploadFile(url, createFetch(session), channelId, file) } = client;
  return {
    guest: async (name) => (await request<Guest>(guestMutation, { name })).guest,
    createRoom: async (name) => (await request<CreateRoom>(createRoomMutation, { name })).createRoom.id,
    async open(channelId, onEvent) {
      const list = createMessageList(() => session.get()?.user ?? { id: '', name: '' });
      const close = await follow({ channelId, session, load, subscribe, onMessage });
      return {
        showsPending: true,
        messages: list.get,
        send: (text, attachmentIds = []) => list.send({ channelId, text, attachmentIds }, send),
        edit: async (messageId, text) =>
          list.merge((await request<Edit>(editMutation, { messageId, text })).editMessage),
        upload: (file) => upload(channelId, file),
        close,
      };

      async function load(): Promise<number> {
        const { channel } = await request<Page>(pageQuery, { channelId });
        list.reset(channel.messages.nodes);
        return channel.messages.position;
      }

      function onMessage(message: Message): void {
        list.merge(message);
        onEvent(message);
      }
    },
    dispose,
  };

  async function send(input: object): Promise<Message> {
    return (await request<Send>(sendMutation, { input })).send.message;
  }
}
