import type { Person } from './client.ts';

type Member = Pick<Person, 'id' | 'ask'>;

const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
const invite = 'mutation ($id: ID!, $userId: ID!) { invite(channelId: $id, userId: $userId) { id } }';
const open = 'mutation ($id: ID!) { openDirect(userId: $id) { id } }';

/** Makes a user a member of a room by an invitation that the user accepts. */
export async function addMember(inviter: Pick<Member, 'ask'>, user: Member, channelId: string): Promise<void> {
  await inviter.ask(invite, { id: channelId, userId: user.id });
  await user.ask(join, { id: channelId });
}

/** Opens the direct channel of two users, who both accept it, and returns its id. */
export async function openDirectOf(one: Member, other: Member): Promise<string> {
  await one.ask(open, { id: other.id });
  return (await other.ask(open, { id: one.id })).openDirect.id;
}
