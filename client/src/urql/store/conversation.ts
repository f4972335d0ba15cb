import type { Client } from '@urql/core';
import { createEntryCache, type Timeline } from '../cache.ts';
import { type Failure, toFailure } from '../errors.ts';
import { MessagePageDocument, type MessagePageFieldsFragment, type MessagePageQueryVariables } from '../gql/graphql.ts';
import { createValue, type Readable } from '../value.ts';
import type { ChangedUser, Message } from './types.ts';

/** The loaded messages of a channel, and the state of loading. */
export interface ConversationState {
  status: 'unloaded' | 'loading' | 'ready' | 'failed';
  /** Why the page could not be loaded; null otherwise. With NOT_FOUND there is no such channel for the viewer. */
  failure: Failure | null;
  /** Ordered by `seq`, without gaps, each in its newest state. */
  messages: readonly Message[];
  hasOlder: boolean;
  /** False if the messages end at the newest one; new ones are then added as they come. */
  hasNewer: boolean;
}

/** The messages of one channel: a range of its history without gaps, which live messages extend at its end. */
export interface Conversation extends Readable<ConversationState> {
  /**
   * Loads the newest page, unless messages are loaded. Until the returned function is called the messages stay loaded: they
   * are loaded again after a gap that is too long to replay.
   */
  open(): () => void;
  /** Replaces the messages with the newest page. */
  loadLatest(): Promise<void>;
  /** Replaces the messages with a page around one: a permalink, a reply, the first unread one. */
  loadAround(messageId: string): Promise<void>;
  loadOlder(): Promise<void>;
  loadNewer(): Promise<void>;
  /** Adds or updates a message, for instance from the result of a mutation. The state with the higher `position` wins. */
  merge(message: Message): void;
  /** Forgets all but the newest messages, so that a long session needs no more memory. For readers at the end. */
  trim(): void;
}

/** A conversation with the methods for the stream of updates. */
export interface ConversationStore extends Conversation {
  /** Forgets everything, and loads the newest page again if the conversation is open. */
  resync(): void;
  /** Loads again after a failure for want of a connection. */
  retry(): void;
  putUser(user: ChangedUser): void;
  /** The newest messages, to be stored; null if they are not loaded. */
  newest(): Timeline<Message> | null;
  restore(timeline: Timeline<Message>): void;
}

/** Options of `createConversation`. */
export interface ConversationOptions {
  client: Pick<Client, 'query'>;
  channelId: string;
  /** Resolves as soon as no change is missed between a page and the stream of updates. */
  ready(): Promise<void>;
}

const pageSize = 50;
/** Number of messages above which a conversation that nobody reads is trimmed. */
const maxUnread = 200;

type Range = Omit<MessagePageQueryVariables, 'channelId'>;
type Page = MessagePageFieldsFragment;

/** Creates the conversation of a channel. Nothing is loaded at first. */
export function createConversation({ client, channelId, ready }: ConversationOptions): ConversationStore {
  const cache = createEntryCache<Message>();
  const state = createValue<ConversationState>(unloaded);
  /** Messages that came while a page was being loaded: the page may be older. */
  const late = new Map<string, Message>();
  let readers = 0;
  let loads = 0;
  let generation = 0;
  let paging: Promise<void> | undefined;
  cache.subscribe(() => set({}));

  return {
    get: state.get,
    subscribe: state.subscribe,
    open,
    loadLatest: () => replace({ last: pageSize }),
    loadAround: (messageId) => replace({ around: messageId, first: pageSize }),
    loadOlder: () => extend({ last: pageSize, before: cache.get().olderCursor }, cache.addOlder),
    loadNewer: () => extend({ first: pageSize, after: cache.get().newerCursor }, cache.addNewer),
    merge(message) {
      if (loads > 0 && (late.get(message.id)?.position ?? 0) < message.position) late.set(message.id, message);
      if (state.get().status === 'ready') cache.merge(message);
      if (readers === 0 && cache.get().entries.length > maxUnread) trim();
    },
    trim,
    resync() {
      generation += 1;
      cache.restore({ entries: [], olderCursor: null, newerCursor: null });
      state.set(unloaded);
      if (readers > 0) void replace({ last: pageSize });
    },
    retry() {
      if (state.get().failure?.code === 'NETWORK' && readers > 0) void replace({ last: pageSize });
    },
    putUser: (user) => cache.update((message) => withAuthor(message, user)),
    newest,
    restore(timeline) {
      cache.restore(timeline);
      set({ status: 'ready' });
    },
  };

  function open(): () => void {
    readers += 1;
    const { status } = state.get();
    if (status === 'unloaded' || status === 'failed') void replace({ last: pageSize });
    let isOpen = true;
    return () => {
      if (isOpen) readers -= 1;
      isOpen = false;
    };
  }

  async function replace(range: Range): Promise<void> {
    generation += 1;
    state.set({ ...state.get(), status: state.get().status === 'ready' ? 'ready' : 'loading', failure: null });
    await load(range, cache.reset);
  }

  async function extend(range: Range & { before?: unknown; after?: unknown }, apply: (page: Page) => void) {
    const isLoaded = state.get().status === 'ready' && (range.before ?? range.after) != null;
    if (isLoaded) paging ??= load(range, apply).finally(() => (paging = undefined));
    await paging;
  }

  async function load(range: Range, apply: (page: Page) => void): Promise<void> {
    const present = generation;
    loads += 1;
    await ready();
    const { page, failure } = await fetchPage(range);
    loads -= 1;
    if (present === generation) {
      if (page) apply(page);
      for (const message of late.values()) cache.merge(message);
      set(page ? { status: 'ready', failure: null } : failedState(failure));
    }
    if (loads === 0) late.clear();
  }

  async function fetchPage(range: Range): Promise<{ page: Page | null; failure: Failure | null }> {
    const variables = { channelId, ...range };
    const result = await client.query(MessagePageDocument, variables, { requestPolicy: 'network-only' }).toPromise();
    return { page: result.data?.channel?.messages ?? null, failure: toFailure(result.error) };
  }

  function failedState(failure: Failure | null): Partial<ConversationState> {
    const reason = failure ?? {
      code: 'NOT_FOUND',
      message: 'The channel does not exist, or you have no access to it.',
    };
    return state.get().status === 'ready' ? { failure: reason } : { status: 'failed', failure: reason };
  }

  function trim(): void {
    const timeline = newest();
    if (timeline) cache.restore(timeline);
  }

  function newest(): Timeline<Message> | null {
    const { entries, olderCursor, newerCursor } = cache.get();
    if (state.get().status !== 'ready' || newerCursor !== null) return null;
    const kept = entries.slice(-pageSize);
    return {
      entries: kept,
      olderCursor: kept.length < entries.length ? (kept[0]?.cursor ?? null) : olderCursor,
      newerCursor,
    };
  }

  function set(change: Partial<ConversationState>): void {
    const { entries, olderCursor, newerCursor } = cache.get();
    state.set({
      ...state.get(),
      messages: entries,
      hasOlder: olderCursor !== null,
      hasNewer: newerCursor !== null,
      ...change,
    });
  }
}

const unloaded: ConversationState = {
  status: 'unloaded',
  failure: null,
  messages: [],
  hasOlder: false,
  hasNewer: false,
};

function withAuthor(message: Message, user: ChangedUser): Message {
  return message.author.id === user.id ? { ...message, author: { ...message.author, ...user } } : message;
}
