import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createChannelStore } from '../../client/src/urql/store/channels.ts';
import { createConversation } from '../../client/src/urql/store/conversation.ts';
import type { Message } from '../../client/src/urql/store/types.ts';
import { changes, channelAt, historyAt, statesOf } from '../support/message-history.ts';

/** Messages on a page of the server. */
const pageSize = 5;

/** Changes, and the updates of them: in any order, some twice, with the place at which a page arrives. */
const deliveries = changes.chain((list) => {
  const states = statesOf(list);
  const upTo = (max: number) => fc.integer({ min: 0, max });
  return fc.record({
    states: fc.constant(states),
    /** Position at which the page, or the channel, is read. */
    readAt: fc.integer({ min: 1, max: states.length }),
    /** The updates before the page is asked for: they are part of it. */
    early: fc.shuffledSubarray(states),
    order: fc.shuffledSubarray(states, { minLength: states.length }),
    twice: fc.shuffledSubarray(states),
    arrivesAfter: upTo(states.length),
    olderAfter: upTo(2 * states.length),
    seenSeq: upTo(states.length),
  });
});

test('updates in any order around pages give the messages of the server', async () => {
  await fc.assert(
    fc.asyncProperty(deliveries, async ({ states, readAt, early, order, twice, arrivesAfter, olderAfter }) => {
      const server = createServer(states);
      const conversation = createConversation({ client: server.client, channelId: 'c', ready: async () => {} });
      for (const state of early) if (state.position <= readAt) conversation.merge(state);
      conversation.open();
      await server.asked();
      let older: Promise<void> | undefined;
      const updates = [...order, ...twice];
      for (const [index, state] of updates.entries()) {
        if (index === arrivesAfter) await server.respond(readAt);
        if (index === olderAfter && conversation.get().hasOlder) older = conversation.loadOlder();
        conversation.merge(state);
      }
      // An older page was asked for later, so it is read later than the first one.
      if (older) await Promise.all([older, server.respondSoon(states.length)]);
      else await server.respond(readAt);
      while (conversation.get().hasOlder)
        await Promise.all([conversation.loadOlder(), server.respondSoon(states.length)]);
      expect(conversation.get().messages).toEqual(historyAt(states, states.length));
    }),
  );
});

test('updates in any order give the newest message and the unread count of the server', () => {
  fc.assert(
    fc.property(deliveries, ({ states, readAt, order, twice, seenSeq }) => {
      const channels = createChannelStore('viewer');
      channels.put(channelAt(states, readAt, seenSeq));
      const isStale = [...order, ...twice].map((state) => channels.putMessage(state)).includes(false);
      if (isStale) channels.put(channelAt(states, states.length, seenSeq));
      const { lastMessage, viewerMembership } = channelAt(states, states.length, seenSeq);
      expect(channels.find('c')?.lastMessage).toEqual(lastMessage);
      expect(channels.find('c')?.viewerMembership?.unreadCount).toBe(viewerMembership?.unreadCount);
    }),
  );
});

/** Creates a server of one channel that responds when the test says so. */
function createServer(states: readonly Message[]) {
  const waiting: { before: number; respond(result: unknown): void }[] = [];
  const client = {
    query: (_: unknown, { before }: { before?: string }) => ({
      toPromise: () =>
        new Promise((respond) => waiting.push({ before: Number(before ?? Number.POSITIVE_INFINITY), respond })),
    }),
  } as unknown as Parameters<typeof createConversation>[0]['client'];

  return { client, respond, respondSoon, asked };

  /** Responds to all queries with pages that are read at a position. */
  async function respond(position: number): Promise<void> {
    for (const { before, respond } of waiting.splice(0))
      respond({ data: { channel: { messages: page(position, before) } } });
    await settled();
  }

  async function respondSoon(position: number): Promise<void> {
    await asked();
    await respond(position);
  }

  async function asked(): Promise<void> {
    while (waiting.length === 0) await settled();
  }

  function page(position: number, before: number) {
    const history = historyAt(states, position).filter(({ seq }) => seq < before);
    const nodes = history.slice(-pageSize);
    const pageInfo = {
      hasPreviousPage: nodes.length < history.length,
      startCursor: nodes[0]?.cursor,
      hasNextPage: false,
    };
    return { position, nodes, pageInfo };
  }
}

/** Lets everything run that is ready to run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
