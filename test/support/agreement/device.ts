import { ask, type Data, type Followed, follow, type Person, socket } from '../client.ts';

const message = 'id seq position kind text deletedAt pinnedAt replyCount reactions { emoji count viewerReacted }';
const membership = 'role seenSeq notify pinned';
const updatesQuery = `subscription ($after: String) { updates(after: $after) { cursor event {
  __typename
  ... on MessageChanged { message { ${message} channel { id } } }
  ... on MembershipChanged { channelId membership { ${membership} } }
  ... on ResyncRequired { channel { id } }
} } }`;
const pageQuery = `query ($id: ID!, $after: String) { channel(id: $id) {
  viewerMembership { ${membership} }
  messages(first: 100, after: $after) { nodes { ${message} } pageInfo { endCursor hasNextPage } } } }`;
const countsQuery = `query ($id: ID!) { channel(id: $id) { memberCount online { id } pinnedMessages { seq }
  viewerMembership { unreadCount mentionCount firstUnseen { seq } archived } } }`;

/** A room as a device shows it. */
export interface ShownRoom {
  membership: Data;
  /** By id. */
  messages: Map<string, Data>;
}

/** Device that keeps its rooms by `updates` alone, and loads a room when the user joins it or it must be loaded again. */
export interface Device {
  /** Returns a room as the device shows it, once it has applied everything received; null if it shows none. */
  shown(id: string): Promise<ShownRoom | null>;
  /** Breaks the connection. The device connects to the present URL again. */
  drop(): void;
  connect(): void;
  disconnect(): Promise<void>;
}

/** Creates a device that is not connected. @param url returns the URL of a gateway for each request */
export function createDevice(person: Person, url: () => string, cursor: string): Device {
  const rooms = new Map<string, ShownRoom>();
  let client: ReturnType<typeof socket> | null = null;
  let followed: Followed | null = null;
  let applied: Promise<void> = Promise.resolve();
  let after = cursor;
  const variables = {
    get after() {
      return after;
    },
  };

  return {
    async shown(id) {
      await applied;
      if (followed?.ended) throw new Error(`the stream ended: ${JSON.stringify(followed.ended)}`);
      const room = rooms.get(id);
      return room ? { membership: room.membership, messages: texts(room.messages) } : null;
    },
    drop: () => client?.drop(),
    connect() {
      client = socket(url, person.token);
      followed = follow(client, updatesQuery, variables, { retries: true, onEvent: take });
    },
    async disconnect() {
      await client?.dispose();
      followed = null;
    },
  };

  function take(update: Data): void {
    after = update.cursor;
    applied = applied.then(() => apply(update.event));
  }

  async function apply(event: Data): Promise<void> {
    if (event.__typename === 'ResyncRequired') await load(event.channel.id);
    if (event.__typename === 'MembershipChanged') await applyMembership(event);
    if (event.__typename !== 'MessageChanged') return;
    const known = rooms.get(event.message.channel.id)?.messages;
    if (event.message.position >= (known?.get(event.message.id)?.position ?? 0))
      known?.set(event.message.id, event.message);
  }

  async function applyMembership({ channelId, membership: present }: Data): Promise<void> {
    const known = rooms.get(channelId);
    if (present === null) rooms.delete(channelId);
    else if (known) known.membership = present;
    else await load(channelId);
  }

  async function load(id: string): Promise<void> {
    const loaded = await loadRoom(url(), person, id);
    if (loaded) rooms.set(id, loaded);
    else rooms.delete(id);
  }
}

/** Loads a room page by page; null if the person is no member. */
async function loadRoom(url: string, { token }: Person, id: string): Promise<ShownRoom | null> {
  const messages = new Map<string, Data>();
  for (let after: string | null = null; ; ) {
    const { data, errors } = await ask(url, pageQuery, { id, after }, token);
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
    if (!data.channel?.messages) return null;
    const { viewerMembership, messages: page } = data.channel;
    for (const one of page.nodes) messages.set(one.id, one);
    if (!page.pageInfo.hasNextPage) return { membership: viewerMembership, messages };
    after = page.pageInfo.endCursor;
  }
}

/** Reads a room as it is now, in the form of the model. */
export async function readRoom(url: string, person: Person, id: string): Promise<ShownRoom | null> {
  const loaded = await loadRoom(url, person, id);
  return loaded && { ...loaded, messages: texts(loaded.messages) };
}

/** Reads the counts and lists of a room that only a fresh query tells; null if the person is no member. */
export async function readCounts(url: string, { token }: Person, id: string): Promise<Data> {
  const { data, errors } = await ask(url, countsQuery, { id }, token);
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  if (!data.channel?.viewerMembership) return null;
  const { memberCount, online, pinnedMessages, viewerMembership } = data.channel;
  return {
    ...viewerMembership,
    memberCount,
    firstUnseen: viewerMembership.firstUnseen?.seq ?? null,
    pins: pinnedMessages.map(({ seq }: Data) => seq).sort((one: number, other: number) => one - other),
    online: online.map((user: Data) => user.id).sort(),
  };
}

function texts(messages: ReadonlyMap<string, Data>): Map<string, Data> {
  return new Map([...messages].filter(([, { kind }]) => kind === 'TEXT').map(([id, one]) => [id, stateOf(one)]));
}

function stateOf({ seq, text, deletedAt, pinnedAt, replyCount, reactions }: Data): Data {
  const kinds = reactions.map(({ emoji, count, viewerReacted }: Data) => `${emoji} ${count} ${viewerReacted}`);
  return { seq, text, isDeleted: deletedAt !== null, isPinned: pinnedAt !== null, replyCount, reactions: kinds.sort() };
}
