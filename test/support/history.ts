import { ask, type Data } from './client.ts';

const page = `query ($id: ID!, $after: String) { channel(id: $id) { messages(first: 100, after: $after) {
  nodes { id seq position kind clientId text sentAt editedAt deletedAt author { id name } } pageInfo { hasNextPage endCursor } } } }`;

/** Reads every entry of a channel, in order, page by page. */
export async function readHistory(url: string, token: string, channelId: string): Promise<Data[]> {
  const entries: Data[] = [];
  for (let after: string | null = null; ; ) {
    const { data, errors }: Awaited<ReturnType<typeof ask>> = await ask(url, page, { id: channelId, after }, token);
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
    entries.push(...data.channel.messages.nodes);
    if (!data.channel.messages.pageInfo.hasNextPage) return entries;
    after = data.channel.messages.pageInfo.endCursor;
  }
}
