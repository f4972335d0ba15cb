import { follow, socket } from '../../support/client.ts';
import { upload } from '../../support/upload.ts';
import { type Resident, signIn } from './person.ts';
import { type Member, type Room, say } from './room.ts';

/** Operation of a load, and its share among all of them. */
interface Action {
  name: string;
  share: number;
  run(room: Room, member: Member): Promise<unknown>;
}

const matchers = 10;
const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
const leave = 'mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }';
const send = 'mutation ($id: ID!) { send(input: { channelId: $id, text: "Hello" }) { message { id } } }';
const lists = `{ me { unreadCount channels(first: 20) { nodes { id name onlineCount lastMessage { id text } } } }
  rooms(first: 20) { nodes { id name memberCount } } }`;
const page = `query ($id: ID!) { channel(id: $id) { online { id lastSeenAt }
  messages(last: 50) { nodes { id text author { name } attachments { url } } } } }`;

/**
 * Creates a function that starts one operation, chosen at random by its share.
 * @returns the function, which returns the operation's name and its result
 */
export async function createActions(
  url: string,
  rooms: readonly Room[],
): Promise<() => { name: string; result: Promise<unknown> }> {
  const strangers = await Promise.all(Array.from({ length: matchers }, (_, n) => signIn(url, `Stranger ${n}`)));
  // A match with somebody who has no connection ends.
  for (const { token } of strangers) follow(socket(url, token), 'subscription { match { status } }');
  const lastPartners = new Map<Resident, Resident>();
  /** Visitors of rooms, by the id of the room that each is in. */
  const visits = new Map<Resident, Room>();
  const visitors = await Promise.all(Array.from({ length: matchers }, (_, n) => signIn(url, `Visitor ${n}`)));
  let last = 0;

  const actions: readonly Action[] = [
    { name: 'sends', share: 40, run: (room, member) => say(room, member, nextKey()) },
    { name: 'edits', share: 12, run: (_, member) => edit(member) },
    { name: 'deletions', share: 4, run: (_, member) => remove(member) },
    { name: 'seen marks', share: 12, run: markSeen },
    { name: 'lists', share: 8, run: (_, { person }) => person.ask(lists) },
    { name: 'pages', share: 6, run: ({ id }, { person }) => person.ask(page, { id }) },
    { name: 'uploads', share: 4, run: attach },
    { name: 'lost connections', share: 5, run: async (_, { drop }) => drop() },
    { name: 'visits', share: 4, run: visit },
    { name: 'newcomers', share: 2, run: welcome },
    { name: 'matches', share: 2, run: match },
    { name: 'direct messages', share: 1, run: writeTo },
  ];
  const shares = actions.flatMap((action) => Array.from({ length: action.share }, () => action));

  return () => {
    const room = pick(rooms);
    const action = pick(shares);
    return { name: action.name, result: action.run(room, pick(room.members)) };
  };

  function nextKey(): string {
    return `message ${last++}`;
  }

  /** Uploads a file, and sends it with a message; each second one stays unattached. */
  async function attach(room: Room, member: Member): Promise<void> {
    const bytes = `${'text '.repeat(400)}${last}`;
    const { data, errors } = await upload(url, member.person.token(), { bytes, filename: 'note.txt' }, room.id);
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
    if (last % 2 === 0) await say(room, member, nextKey(), [data.upload.id]);
    else last++;
  }

  /** Has a visitor join a room, or leave it. */
  async function visit(room: Room): Promise<void> {
    const visitor = visitors.shift();
    if (visitor === undefined) return;
    const visited = visits.get(visitor);
    try {
      if (visited) visits.delete(visitor);
      else visits.set(visitor, room);
      await visitor.ask(visited ? leave : join, { id: (visited ?? room).id });
    } finally {
      visitors.push(visitor);
    }
  }

  /** Has a new guest join a room, follow it for a moment, and leave for ever. */
  async function welcome({ id }: Room): Promise<void> {
    const guest = await signIn(url, 'Newcomer');
    const client = socket(url, guest.token);
    try {
      await guest.ask(join, { id });
      const followed = follow(client, 'subscription ($id: ID!) { messages(channelId: $id) { id text } }', { id });
      await guest.ask(send, { id });
      followed.stop();
      await guest.ask(leave, { id });
    } finally {
      guest.leave();
      void client.dispose();
    }
  }

  /** Has two strangers meet, greet each other and part. Nobody meets their last partner again. */
  async function match(): Promise<void> {
    const one = strangers.shift();
    const other = strangers.find(
      (stranger) => one && lastPartners.get(one) !== stranger && lastPartners.get(stranger) !== one,
    );
    if (one && other) {
      strangers.splice(strangers.indexOf(other), 1);
      lastPartners.set(one, other).set(other, one);
      await meet(one, other).finally(() => strangers.push(one, other));
    } else if (one) strangers.push(one);
  }

  async function meet(one: Resident, other: Resident): Promise<void> {
    const query = 'mutation ($input: MatchInput) { match(input: $input) { channel { id } } }';
    const variables = { input: { tags: [`tag ${last++}`], strict: true } };
    try {
      await one.ask(query, variables);
      const { id } = (await other.ask(query, variables)).match.channel;
      for (const person of [one, other]) await person.ask(send, { id });
    } finally {
      for (const person of [one, other]) await person.ask('mutation { unmatch { status } }');
    }
  }
}

async function edit({ person, recent }: Member): Promise<void> {
  if (recent.length === 0) return;
  const query = 'mutation ($id: ID!, $text: String!) { editMessage(messageId: $id, text: $text) { id } }';
  await person.ask(query, { id: pick(recent), text: `edited at ${Date.now()}` });
}

async function remove({ person, recent }: Member): Promise<void> {
  const id = recent.shift();
  if (id) await person.ask('mutation ($id: ID!) { deleteMessage(messageId: $id) { id } }', { id });
}

async function markSeen({ id }: Room, { person, followed }: Member): Promise<void> {
  const seq = followed.received.at(-1)?.seq ?? 0;
  await person.ask('mutation ($id: ID!, $seq: Int!) { markSeen(channelId: $id, seq: $seq) { seenSeq } }', { id, seq });
}

async function writeTo({ members }: Room, { person }: Member): Promise<void> {
  const other = pick(members).person;
  if (other === person) return;
  const { openDirect } = await person.ask('mutation ($id: ID!) { openDirect(userId: $id) { id } }', { id: other.id });
  await person.ask(send, { id: openDirect.id });
}

function pick<Item>(items: readonly Item[]): Item {
  return items[Math.floor(Math.random() * items.length)] as Item;
}
