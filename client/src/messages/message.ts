import type { MessagePartsFragment } from '../gql/graphql.ts';

/** A message with the fields that this client selects. */
export type Message = MessagePartsFragment;
