import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Chat, ChatOptions, Message } from '../../examples/clients/chat.ts';
import { messagesSubscription, type Upload, uploadMutation } from '../../examples/clients/documents.ts';
import type { FollowVariables, Sink } from '../../examples/clients/follow.ts';
import { createRequestChat } from '../../examples/clients/request-chat.ts';

/** Result of an operation, or an event of a subscription. */
export interface Result {
  data?: unknown;
  errors?: readonly { message: string; extensions?: { code?: string } }[];
}

/** A client in a process of its own. Operations are JSON with `query` and `variables`. */
export interface ForeignClient {
  post(operation: string, token: string): Promise<Result>;
  /**
   * Follows a subscription.
   * @returns a function that ends it
   */
  follow(operation: string, token: string, events: ForeignEvents): () => void;
  upload(operation: string, token: string, path: string): Promise<Result>;
  dispose(): void;
}

/** Receiver of a subscription. */
export interface ForeignEvents {
  next(result: Result): void;
  /** @param isRefused whether the server refused the token */
  end(isRefused: boolean): void;
}

/** Makes a chat of a client in another process: it speaks with the server, and the tokens are kept here. */
export function createForeignChat(options: ChatOptions & { directory: string }, client: ForeignClient): Chat {
  const { session, directory } = options;
  return createRequestChat(options, { request, subscribe, upload, dispose: client.dispose });

  async function request<Data>(query: string, variables: object): Promise<Data> {
    const operation = JSON.stringify({ query, variables });
    return withToken((token) => client.post(operation, token));
  }

  function subscribe(variables: FollowVariables, sink: Sink): () => void {
    let stop = () => {};
    let isStopped = false;
    void start();
    return () => {
      isStopped = true;
      stop();
    };

    async function start(): Promise<void> {
      const token = (await session.token()) ?? '';
      if (isStopped) return;
      const end = async (isRefused: boolean) => {
        if (isRefused) await session.renew(token);
        sink.end();
      };
      stop = client.follow(JSON.stringify({ query: messagesSubscription, variables }), token, {
        next(result) {
          if (result.data) sink.next((result.data as { messages: Message }).messages);
          else if (isRefused(result)) void end(true);
          else sink.end(result.errors);
        },
        end: (isRefused) => void end(isRefused),
      });
    }
  }

  async function upload(channelId: string, file: File): Promise<string> {
    const path = join(directory, file.name);
    await writeFile(path, new Uint8Array(await file.arrayBuffer()));
    const operation = JSON.stringify({ query: uploadMutation, variables: { file: null, channelId } });
    return (await withToken<Upload>((token) => client.upload(operation, token, path))).upload.id;
  }

  async function withToken<Data>(run: (token: string) => Promise<Result>): Promise<Data> {
    const token = (await session.token()) ?? '';
    const first = await run(token);
    const { data, errors } = isRefused(first) && token ? await run((await session.renew(token)) ?? '') : first;
    if (errors) throw new AggregateError(errors, errors[0]?.message);
    return data as Data;
  }
}

function isRefused({ errors = [] }: Result): boolean {
  return errors.some(({ extensions }) => extensions?.code === 'UNAUTHENTICATED');
}
