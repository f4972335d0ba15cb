import type { LiveUpdate } from '../../api/domain/updates/live-update.ts';
import type { TestDatabase } from './database.ts';

interface MessageState {
  position: number;
  text: string;
}

/** Everything that a client shows to a user. */
export interface ClientState {
  /** Name of the user. */
  name: string;
  channels: Map<string, ChannelState>;
}

interface ChannelState {
  channel: unknown;
  membership: unknown;
  /** Messages by id, and the names of their authors. */
  messages: Map<string, MessageState>;
  names: Map<string, string>;
}

/**
 * Creates a client that keeps its state by updates alone. It loads a channel when the user joins it or it must be loaded again, and
 * the present state of anything else that an update names.
 */
export function createClientModel(database: TestDatabase, userId: string) {
  const fresh = createFreshQueries(database, userId);
  let state: ClientState = { name: '', channels: new Map() };

  return {
    /** Returns the state of the client, with the names of those authors that fresh queries name. */
    stateBeside(other: ClientState): ClientState {
      const channels = [...state.channels].map(([id, channel]) => {
        const named = other.channels.get(id)?.names;
        return [
          id,
          { ...channel, names: new Map([...channel.names].filter(([author]) => named?.has(author))) },
        ] as const;
      });
      return { ...state, channels: new Map(channels) };
    },
    /** Loads everything. */
    async load(): Promise<void> {
      state = await fresh.everything();
    },
    async apply({ event }: Pick<LiveUpdate, 'event'>): Promise<void> {
      switch (event.type) {
        case 'message': {
          const { id, channelId, authorId, position, text } = event.entry;
          const known = state.channels.get(channelId);
          if (position >= (known?.messages.get(id)?.position ?? 0)) known?.messages.set(id, { position, text });
          known?.names.set(authorId, await fresh.name(authorId));
          return;
        }
        case 'channel': {
          const known = state.channels.get(event.channelId);
          if (known) known.channel = (await fresh.channel(event.channelId))?.channel;
          return;
        }
        case 'membership':
          return applyMembership(event.channelId);
        case 'user':
          return applyUser(event.userId);
        case 'resync':
          return loadChannel(event.channelId);
        case 'match':
        case 'caughtUp':
          return;
        default:
          throw new Error(`unknown event ${JSON.stringify(event satisfies never)}`);
      }
    },
    fresh,
  };

  async function applyUser(id: string): Promise<void> {
    const name = await fresh.name(id);
    if (id === userId) state.name = name;
    for (const { names } of state.channels.values()) if (names.has(id)) names.set(id, name);
  }

  async function applyMembership(channelId: string): Promise<void> {
    const [known, present] = [state.channels.get(channelId), await fresh.channel(channelId)];
    if (present === null) state.channels.delete(channelId);
    else if (known) known.membership = present.membership;
    else await loadChannel(channelId);
  }

  async function loadChannel(channelId: string): Promise<void> {
    const present = await fresh.channel(channelId);
    if (present) state.channels.set(channelId, present);
  }
}

/** Creates the queries by which a client loads its state. */
function createFreshQueries(database: TestDatabase, userId: string) {
  const run = <Row>(sql: string, parameters: unknown[]) => database.query<Row>(sql, parameters);

  return { everything, channel, name, mayRead };

  async function everything(): Promise<ClientState> {
    const ids = await run<{ id: string }>(
      `SELECT channel_id AS id FROM member WHERE user_id = $1 AND state = 'ACTIVE' ORDER BY 1`,
      [userId],
    );
    const channels: ClientState['channels'] = new Map();
    for (const { id } of ids) {
      const loaded = await channel(id);
      if (loaded) channels.set(id, loaded);
    }
    return { name: await name(userId), channels };
  }

  /** Returns a channel as its member sees it, with the names of authors who are members; null for others. */
  async function channel(channelId: string): Promise<ChannelState | null> {
    const [row] = await run<{ channel: unknown; membership: unknown }>(
      `SELECT jsonb_build_object('name', c.name, 'visibility', c.visibility, 'closed', c.closed_at) AS channel,
         jsonb_build_object('role', m.role, 'revision', m.revision, 'seen', greatest(m.joined_seq, s.seq)) AS membership
       FROM member m JOIN channel c ON c.id = m.channel_id
       LEFT JOIN seen_mark s ON s.channel_id = c.id AND s.user_id = m.user_id
       WHERE m.channel_id = $1 AND m.user_id = $2 AND m.state = 'ACTIVE'`,
      [channelId, userId],
    );
    if (row === undefined) return null;
    const entries = await run<{ id: string; position: number; text: string; authorId: string; name: string | null }>(
      `SELECT e.id, e.position, e.text, e.author_id AS "authorId", (SELECT u.name FROM users u JOIN member m
           ON m.user_id = u.id AND m.channel_id = e.channel_id AND m.state = 'ACTIVE' WHERE u.id = e.author_id) AS name
       FROM entry e WHERE e.channel_id = $1
         AND NOT EXISTS (SELECT FROM block b WHERE b.blocker_id = $2 AND b.blocked_id = e.author_id) ORDER BY e.id`,
      [channelId, userId],
    );
    return {
      ...row,
      messages: new Map(entries.map(({ id, position, text }) => [id, { position, text }])),
      names: new Map(entries.flatMap(({ authorId, name }) => (name === null ? [] : [[authorId, name] as const]))),
    };
  }

  async function name(id: string): Promise<string> {
    const [user] = await run<{ name: string }>('SELECT name FROM users WHERE id = $1', [id]);
    return user?.name ?? '';
  }

  /** Returns whether the user may read an entry now. */
  async function mayRead(entry: { channelId: string; authorId: string }): Promise<boolean> {
    const found = await run(
      `SELECT FROM member m WHERE m.channel_id = $1 AND m.user_id = $2 AND m.state = 'ACTIVE'
         AND NOT EXISTS (SELECT FROM block b WHERE b.blocker_id = $2 AND b.blocked_id = $3)`,
      [entry.channelId, userId, entry.authorId],
    );
    return found.length > 0;
  }
}
