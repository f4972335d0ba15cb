import { backoff, pause } from '../../client/src/urql/backoff.ts';
import type { TokenSource } from '../../client/src/urql/session.ts';
import type { Message } from './chat.ts';

/** Variables of the subscription `messages`. `after` is a getter: a client that reads it again at each connection resumes. */
export interface FollowVariables {
  readonly channelId: string;
  readonly after: number;
}

/** Receiver of a subscription. */
export interface Sink {
  next(message: Message): void;
  /** Called when the subscription ended, with the errors of the server or of the connection; again without effect. */
  end(error?: unknown): void;
}

interface FollowOptions {
  channelId: string;
  session: TokenSource;
  /** Shows the newest page, and resolves with its `position`. */
  load(): Promise<number>;
  /** Subscribes, and returns a function that unsubscribes. */
  subscribe(variables: FollowVariables, sink: Sink): () => void;
  onMessage(message: Message): void;
}

// snippet: follow
/** Follows a channel without a gap until the returned function is called: for any client, over any transport. */
export async function follow({ channelId, session, load, subscribe, onMessage }: FollowOptions): Promise<() => void> {
  const stopped = new AbortController();
  let position = await load();
  let attempt = 0;
  let unsubscribe = start();
  return () => {
    stopped.abort();
    unsubscribe();
  };

  function start(): () => void {
    const variables = {
      channelId,
      get after() {
        return position;
      },
    };
    let isEnded = false;
    const end = (error?: unknown) => {
      if (!isEnded) void restart(codeOf(error));
      isEnded = true;
    };
    return subscribe(variables, { next, end });
  }

  function next(message: Message): void {
    position = Math.max(position, message.position);
    attempt = 0;
    onMessage(message);
  }

  async function restart(code: string | undefined): Promise<void> {
    if (code === 'FORBIDDEN' || code === 'NOT_FOUND') return;
    await pause(backoff(attempt++), stopped.signal);
    if (stopped.signal.aborted) return;
    unsubscribe();
    try {
      await recover(code);
    } catch (error) {
      return restart(codeOf(error) ?? code);
    }
    if (!stopped.signal.aborted) unsubscribe = start();
  }

  async function recover(code: string | undefined): Promise<void> {
    if (code === 'UNAUTHENTICATED') await session.renew((await session.token()) ?? '');
    if (code === 'RESYNC_REQUIRED') position = await load();
  }
}

/** Returns the code of an error, as graphql-ws, graphql-request, urql and Apollo Client 3 and 4 wrap it. */
function codeOf(error: unknown): string | undefined {
  const { errors, graphQLErrors, response } = Object(error) as Record<string, unknown>;
  const [first] = [error, errors, graphQLErrors, Object(response).errors].find(Array.isArray) ?? [];
  return first?.extensions?.code;
}
// end
