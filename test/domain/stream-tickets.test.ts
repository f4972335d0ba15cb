import { randomUUID } from 'node:crypto';
import { beforeEach, expect, it } from 'vitest';
import type { Viewer } from '../../api/domain/auth.ts';
import { noRateLimits } from '../../api/domain/rate-limits.ts';
import { noSecurityLog } from '../../api/domain/security-log.ts';
import type { SigningSecrets } from '../../api/domain/signing-keys.ts';
import { createStreamTickets } from '../../api/domain/stream-tickets.ts';
import { UnauthenticatedError } from '../../api/errors.ts';
import { createMemoryState } from '../../api/infra/state/memory.ts';

const minuteMs = 60_000;
const origin = { address: '192.0.2.1', userAgent: '', requestId: '' };
const viewer: Viewer = { userId: randomUUID(), sessionId: randomUUID(), name: 'Ada', createdAt: '', expiresAt: 0 };
const { limits } = createMemoryState();
let at: number;
let hasEnded: boolean;
let events: string[];

beforeEach(() => {
  at = 1_000_000;
  hasEnded = false;
  events = [];
});

function createTickets(secrets: SigningSecrets = ['a'.repeat(32)]) {
  return createStreamTickets({
    secrets,
    limits,
    rateLimits: noRateLimits,
    now: () => at,
    securityLog: { ...noSecurityLog, write: (event) => void events.push(event) },
    auth: {
      async viewerOfSession(sessionId) {
        if (hasEnded || sessionId !== viewer.sessionId) throw new UnauthenticatedError('The session was ended.');
        return viewer;
      },
    },
  });
}

const tickets = createTickets();
const isRefused = (ticket: string, secret: string | null = null) =>
  expect(tickets.redeem(ticket, secret, origin)).rejects.toThrow(UnauthenticatedError);

it('opens one stream', async () => {
  const { ticket, expiresAt } = await tickets.create(viewer);
  expect(expiresAt).toEqual(new Date(at + minuteMs));
  const opened = await Promise.allSettled([1, 2, 3].map(() => tickets.redeem(ticket, null, origin)));
  expect(opened.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
});

it('is of use to its own process and every other', async () => {
  const { ticket } = await tickets.create(viewer);
  expect(await createTickets().redeem(ticket, null, origin)).toMatchObject({ viewer });
  await isRefused(ticket);
});

it('opens nothing after a minute, used or not', async () => {
  const { ticket } = await tickets.create(viewer);
  at += minuteMs;
  await isRefused(ticket);
});

it('opens its stream again for a day, with the secret that the stream carried', async () => {
  const { ticket } = await tickets.create(viewer);
  const { secret } = await tickets.redeem(ticket, null, origin);
  at += 1_440 * minuteMs - 1;
  for (let n = 0; n < 2; n++) expect(await tickets.redeem(ticket, secret, origin)).toEqual({ viewer, secret });
  at += 1;
  await isRefused(ticket, secret);
});

it('opens nothing with a wrong secret, and is not used by it', async () => {
  const { ticket } = await tickets.create(viewer);
  const other = await tickets.redeem((await tickets.create(viewer)).ticket, null, origin);
  for (const secret of ['', 'x', other.secret, ticket.split('.')[3] ?? '']) await isRefused(ticket, secret);
  expect(await tickets.redeem(ticket, null, origin)).toMatchObject({ viewer });
});

it('opens nothing once its session has ended', async () => {
  const { ticket } = await tickets.create(viewer);
  const { secret } = await tickets.redeem(ticket, null, origin);
  hasEnded = true;
  await isRefused(ticket, secret);
  await isRefused((await tickets.create(viewer)).ticket);
});

it('cannot be forged', async () => {
  const { ticket } = await tickets.create(viewer);
  const [session = '', id = '', time = '', signature = ''] = ticket.split('.');
  const forged = [
    [randomUUID(), id, time, signature],
    [session, 'A'.repeat(22), time, signature],
    [session, id, String(Number(time) + 1), signature],
    [session, id, time, 'A'.repeat(43)],
    [session, id, time, ''],
    [session, id, time, signature, signature],
  ].map((parts) => parts.join('.'));
  for (const one of [...forged, '', '.', ticket.toUpperCase(), ` ${ticket}`, `${ticket}\n`]) await isRefused(one);
  await expect(createTickets(['b'.repeat(32)]).redeem(ticket, null, origin)).rejects.toThrow(UnauthenticatedError);
  expect(await createTickets(['b'.repeat(32), 'a'.repeat(32)]).redeem(ticket, null, origin)).toMatchObject({ viewer });
});

it('is in the security log when it is created, and once when it is used again', async () => {
  const { ticket } = await tickets.create(viewer);
  await tickets.redeem(ticket, null, origin);
  for (let n = 0; n < 3; n++) await isRefused(ticket);
  expect(events).toEqual(['authn_token_created', 'authn_token_reuse']);
});
