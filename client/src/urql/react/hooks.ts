import { useCallback, useEffect, useMemo, useSyncExternalStore } from 'react';
import type { Account, ParleySession } from '../account.ts';
import type { NewMessage, PendingMessage } from '../outbox/pending-message.ts';
import type { Session, SessionEnd } from '../session.ts';
import type { Connection } from '../socket.ts';
import type { Conversation, ConversationState } from '../store/conversation.ts';
import type { SyncState } from '../store/local-state.ts';
import type { Channel, Match } from '../store/types.ts';
import type { Readable } from '../value.ts';
import { useParley } from './context.ts';

/** Returns the present value, and renders again when it changes. */
export function useReadable<T>({ get, subscribe }: Readable<T>): T {
  return useSyncExternalStore(subscribe, get, get);
}

/** Returns the session, and why the last one ended. Needs no `ParleyProvider`. */
export function useSession(session: ParleySession): { session: Session<Account> | null; ended: SessionEnd | null } {
  return { session: useReadable(session), ended: useReadable(session.ended) };
}

/** Returns the state of the connection, and how complete the local state is. */
export function useConnection(): { connection: Connection; sync: SyncState } {
  const { connection, sync } = useParley();
  return { connection: useReadable(connection), sync: useReadable(sync) };
}

/** Returns the viewer's channels: pinned ones first, then by their latest activity. */
export function useChannels(): readonly Channel[] {
  return useReadable(useParley().channels);
}

/** Returns a channel of the viewer; undefined if the viewer is not a member, or it is not loaded yet. */
export function useChannel(channelId: string): Channel | undefined {
  const { channels } = useParley();
  return useSyncExternalStore(
    channels.subscribe,
    () => channels.find(channelId),
    () => channels.find(channelId),
  );
}

/** Returns the messages of a channel and loads them; and the methods that load more. */
export function useMessages(channelId: string): ConversationState & { conversation: Conversation } {
  const parley = useParley();
  const conversation = useMemo(() => parley.conversation(channelId), [parley, channelId]);
  useEffect(() => conversation.open(), [conversation]);
  return { ...useReadable(conversation), conversation };
}

/** Returns the messages of a channel that are not sent yet, in order. */
export function usePending(channelId: string): readonly PendingMessage[] {
  const all = useReadable(useParley().outbox);
  return useMemo(() => all.filter((message) => message.channelId === channelId), [all, channelId]);
}

/** Returns the function that sends a message to a channel. It returns the `clientId` of the pending message. */
export function useSend(channelId: string): (message: Omit<NewMessage, 'channelId'>) => string {
  const { outbox } = useParley();
  return useCallback((message) => outbox.send({ ...message, channelId }), [outbox, channelId]);
}

/** Returns the viewer's match or place in the queue; null if there is neither. */
export function useMatch(): Match | null {
  return useReadable(useParley().match);
}
