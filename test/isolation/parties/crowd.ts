import { setTimeout as delay } from 'node:timers/promises';
import { openWire, type Wire } from '../../bench/wire.ts';
import { ask } from '../../support/client.ts';
import { takeOrders } from '../../support/worker.ts';
import type { CrowdOrder, CrowdReport } from './orders.ts';

/** Process of the clients that disturb a server: they do so while their order lasts. */
takeOrders(disturb);

const send = 'mutation ($id: ID!) { send(input: { channelId: $id, text: "Hello" }) { message { id } } }';
const channels = `subscription { channels { id name memberCount onlineCount lastMessage { id text author { name } }
  viewerMembership { seenSeq unreadCount } } }`;
const unread = 'query ($id: ID!) { me { unreadCount } channel(id: $id) { viewerMembership { unreadCount } } }';
const fields = ['id', 'seq', 'position', 'kind', 'text', 'sentAt', 'editedAt', 'deletedAt', 'clientId'];

async function disturb(order: CrowdOrder): Promise<CrowdReport> {
  const report: CrowdReport = { received: 0, refused: 0, sent: 0 };
  const until = performance.now() + order.forMs;
  const wires = await Promise.all(openAll(order, report));
  await Promise.all([...speakers(order, report, until), ...readers(order, report, until), delay(order.forMs)]);
  for (const wire of wires) wire?.close();
  return report;
}

/** Opens the sockets of an order, each with its subscriptions. */
function openAll(order: CrowdOrder, report: CrowdReport): Promise<Wire | null>[] {
  switch (order.party) {
    case 'audiences':
      return Array.from({ length: 5 }, (_, n) => {
        const operations = Array.from({ length: 100 }, (_, k) => toSelection(n * 100 + k));
        return open(order, order.follower, operations, { id: order.channelId }, report);
      });
    case 'followers':
      return order.followers.map((token) => open(order, token, [channels], {}, report));
    case 'unread':
      return [];
  }
}

/** Returns a subscription that differs from all others in an alias and in its fields. */
function toSelection(n: number): string {
  const selected = fields.filter((_, bit) => n & (1 << bit));
  return `subscription ($id: ID!) { messages(channelId: $id) { a${n}: id ${selected} author { lastSeenAt } } }`;
}

/** Opens a socket with subscriptions; null if it is refused. */
async function open(
  { url }: CrowdOrder,
  token: string,
  operations: readonly string[],
  variables: object,
  report: CrowdReport,
): Promise<Wire | null> {
  const address = { port: Number(new URL(url).port), path: '/graphql', protocol: 'graphql-transport-ws' };
  const wire = await openWire(address, (text, self) => {
    if (text.includes('"next"')) report.received++;
    else if (text.includes('"error"')) report.refused++;
    else if (text.includes('connection_ack'))
      for (const [id, query] of operations.entries())
        self.send(JSON.stringify({ id: String(id), type: 'subscribe', payload: { query, variables } }));
  }).catch(() => null);
  if (wire === null) report.refused += operations.length;
  wire?.socket.on('error', () => {});
  wire?.send(JSON.stringify({ type: 'connection_init', payload: { token } }));
  return wire;
}

/** Sends messages in the channel of an order at its rate. */
function speakers(order: CrowdOrder, report: CrowdReport, until: number): Promise<void>[] {
  if (order.party === 'unread') return [];
  return [
    (async () => {
      while (performance.now() < until) {
        const sent = ask(order.url, send, { id: order.channelId }, order.speaker);
        sent.then(({ errors }) => count(report, errors.length === 0)).catch(() => {});
        await delay(1_000 / order.rate);
      }
    })(),
  ];
}

function count(report: CrowdReport, isDone: boolean): void {
  if (isDone) report.sent++;
  else report.refused++;
}

/** Repeats the queries of an order, twenty at once. */
function readers(order: CrowdOrder, report: CrowdReport, until: number): Promise<void>[] {
  if (order.party !== 'unread') return [];
  return Array.from({ length: 20 }, async () => {
    while (performance.now() < until) {
      const { errors } = await ask(order.url, unread, { id: order.channelId }, order.reader);
      count(report, errors.length === 0);
      if (errors.length > 0) await delay(50);
    }
  });
}
