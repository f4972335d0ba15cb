// snippet: start
import { type Ephemeral, type SeededChannel, type SeededUser, startEphemeral } from 'parley/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import { type ChannelView, followChannel } from './channel-view.ts';

let server: Ephemeral;
let ada: SeededUser;
let bob: SeededUser;
let lobby: SeededChannel;

beforeAll(async () => {
  server = await startEphemeral({ seed: true });
  ada = server.seed?.users['ada'] as SeededUser;
  bob = server.seed?.users['bob'] as SeededUser;
  lobby = server.seed?.channels['lobby'] as SeededChannel;
});
afterAll(() => server.stop());
afterEach(() => server.control.reset());
// end

let view: ChannelView;
let statuses: ChannelView['status'][];
let stop: () => void;

beforeEach(async () => {
  statuses = [];
  const onChange = (next: ChannelView) => {
    view = next;
    statuses.push(next.status);
  };
  const options = { url: server.url, token: ada.token, channelId: lobby.id, webSocketImpl: WebSocket };
  stop = followChannel({ ...options, onChange });
  await vi.waitFor(() => expect(view.texts).toEqual(seeded()));
});
afterEach(() => stop());

const seeded = () => lobby.messages.map(({ text }) => text);

/** Sends a message as Bob, and returns the code of the error. */
async function send(text: string): Promise<string | undefined> {
  const query = 'mutation Send($input: SendInput!) { send(input: $input) { message { id } } }';
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${bob.token}` },
    body: JSON.stringify({ query, variables: { input: { channelId: lobby.id, text } } }),
  });
  const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
  return errors?.[0]?.extensions.code;
}

// snippet: drop
it('shows a message that was sent while the network was away', async () => {
  await server.control.drop();
  await send('Did you get this?');
  await vi.waitFor(() => expect(view).toEqual({ status: 'live', texts: [...seeded(), 'Did you get this?'] }));
});
// end

// snippet: restart
it('survives a deployment of the server', async () => {
  await server.control.restart({ ms: 100 });
  await send('Back again.');
  await vi.waitFor(() => expect(view).toEqual({ status: 'live', texts: [...seeded(), 'Back again.'] }));
  expect(statuses).toContain('offline');
});
// end

// snippet: revoke
it('asks for a new sign-in once the session has ended', async () => {
  await server.control.revoke({ user: 'ada' });
  await vi.waitFor(() => expect(view.status).toBe('signed out'));
});
// end

// snippet: fail
it('sends again after the server was too busy', async () => {
  await server.control.fail({ operation: 'Send', code: 'RATE_LIMITED' });
  expect(await send('Hi')).toBe('RATE_LIMITED');
  expect(await send('Hi')).toBeUndefined();
  await vi.waitFor(() => expect(view.texts).toEqual([...seeded(), 'Hi']));
});
// end
