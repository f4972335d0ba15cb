import type { Client, OperationResult } from '@urql/core';
import { type Failure, toFailure } from '../errors.ts';
import {
  ChannelByIdDocument,
  ChannelPageDocument,
  type ChannelPageQuery,
  CurrentMatchDocument,
} from '../gql/graphql.ts';
import type { Channel, Match } from './types.ts';

type Queries = Pick<Client, 'query'>;
type Loaded<T> = { value: T; failure: null } | { value: null; failure: Failure };

/** Largest number of pages of channels. A user of more channels gets the others as something happens in them. */
const maxPages = 40;

/** Loads all channels of the viewer, archived ones included. */
export async function loadChannels(client: Queries): Promise<Loaded<readonly Channel[]>> {
  const channels: Channel[] = [];
  let after: string | null = null;
  for (let page = 0; page < maxPages; page += 1) {
    const result: OperationResult<ChannelPageQuery> = await client
      .query(ChannelPageDocument, { after }, network)
      .toPromise();
    const found = result.data?.me?.channels;
    if (!found) return { value: null, failure: toFailure(result.error) ?? missing };
    channels.push(...found.nodes);
    if (!found.pageInfo.hasNextPage) break;
    after = found.pageInfo.endCursor;
  }
  return { value: channels, failure: null };
}

/** Loads a channel: null if the viewer has no access to it, undefined if it cannot be loaded at the moment. */
export async function loadChannel(client: Queries, id: string): Promise<Channel | null | undefined> {
  const { data } = await client.query(ChannelByIdDocument, { id }, network).toPromise();
  return data?.channel;
}

/** Loads the viewer's match or place in the queue; null if there is neither. */
export async function loadMatch(client: Queries): Promise<Loaded<{ match: Match | null }>> {
  const { data, error } = await client.query(CurrentMatchDocument, {}, network).toPromise();
  return data ? { value: { match: data.match }, failure: null } : { value: null, failure: toFailure(error) ?? missing };
}

const network = { requestPolicy: 'network-only' } as const;
const missing: Failure = { code: 'OTHER', message: 'The server sent no data.' };
