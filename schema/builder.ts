import type { Readable } from 'node:stream';
import SchemaBuilder from '@pothos/core';
import RelayPlugin from '@pothos/plugin-relay';
import type { Context } from './context.ts';
import { decodeId, encodeId, type NodeType } from './ids.ts';

/** A file part of a multipart request. */
export interface FilePart {
  /**
   * Waits until it comes in. Its stream is to be read to its end or destroyed.
   * @throws BadUserInputError when it does not come, comes out of order, or was opened before
   * @throws TooLargeError also by the stream, beyond the bound on files
   */
  open(): Promise<{ filename: string | undefined; body: Readable }>;
}

/**
 * For the `extensions` of a field whose value is the same for every member of the channel in which it is met: then those who
 * follow the channel share it. Without it a selection is executed for each of them.
 */
export const shareable = { isShareable: true };

/**
 * The same for a field that leads to what another person wrote, whom a member may have blocked. Readers judge the event and
 * what hangs on it themselves, so that it is shared there; further down it is executed for each of them.
 */
export const shareableOfEvent = { isShareable: 'ofEvent' };

/** What every file of `schema/` adds its types and fields to. Fields are non-null unless they say otherwise. */
export const builder = new SchemaBuilder<{
  Context: Context;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: { list: false; items: false };
  DefaultNodeNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date | string };
    Upload: { Input: FilePart; Output: never };
  };
}>({
  plugins: [RelayPlugin],
  defaultFieldNullability: false,
  relay: {
    cursorType: 'String',
    idFieldOptions: {
      description: 'Opaque and globally unique; ask for it again through `node`.',
      extensions: shareable,
    },
    encodeGlobalID: (type, uuids) => encodeId(type as NodeType, String(uuids)),
    decodeGlobalID: (id) => {
      const { type, uuids } = decodeId(id) ?? { type: 'Unknown', uuids: '' };
      return { typename: type, id: uuids };
    },
    nodeTypeOptions: { description: 'Anything with an id that can be asked for through `node`.' },
    nodeQueryOptions: {
      description:
        'The object with that id, of whichever type; null when there is none or the viewer may not know of it.',
      args: { id: { description: 'An `id` that this server gave.' } },
      resolve: (_root, { id }, _context, _info, resolveNode) => (id.typename === 'Unknown' ? null : resolveNode(id)),
    },
    nodesQueryOptions: false,
    nodesOnConnection: { description: 'The nodes of the page.' },
    edgesFieldOptions: {
      description: 'The page, each node with its cursor.',
      nullable: { list: false, items: false },
    },
    nodeFieldOptions: { description: 'What the edge leads to.', nullable: false },
    cursorFieldOptions: { description: 'Pass as `after` or `before` to continue from here.' },
    pageInfoTypeOptions: { description: 'Where a page stands in its connection.' },
    pageInfoFieldOptions: { description: 'Whether there is more on either side, and from where to ask for it.' },
    hasNextPageFieldOptions: { description: 'There is more after `endCursor`.' },
    hasPreviousPageFieldOptions: { description: 'There is more before `startCursor`.' },
    startCursorFieldOptions: { description: 'Of the first edge; pass as `before`.' },
    endCursorFieldOptions: { description: 'Of the last edge; pass as `after`.' },
    firstArgOptions: {
      description: 'At most so many from the beginning (or after `after`); 50 unless asked, at most 100.',
    },
    afterArgOptions: { description: 'Only what comes after this cursor.' },
    lastArgOptions: { description: 'At most so many from the end (or before `before`); at most 100.' },
    beforeArgOptions: { description: 'Only what comes before this cursor.' },
  },
});

builder.queryType({ description: 'What can be read.' });
builder.mutationType({ description: 'What can be done. Every field answers null with an error when it was refused.' });
builder.subscriptionType({
  description: 'What can be followed live, over WebSocket (graphql-transport-ws) or server-sent events.',
});
