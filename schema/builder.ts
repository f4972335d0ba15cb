import type { Readable } from 'node:stream';
import SchemaBuilder from '@pothos/core';
import RelayPlugin from '@pothos/plugin-relay';
import type { TextKind } from '../api/text/text-kinds.ts';
import type { Bounds } from './bounds.ts';
import { type Context, optionalViewer } from './context.ts';
import { decodeId, encodeId, type NodeType } from './ids.ts';

/** A file part of a multipart request. */
export interface FilePart {
  /**
   * Waits for the file to arrive. Its stream must be read to the end or destroyed.
   * @throws BadUserInputError if the file is missing, arrives out of order, or was opened before
   * @throws TooLargeError if the file is larger than allowed; the stream may fail with it as well
   */
  open(): Promise<{ filename: string | undefined; body: Readable }>;
}

/**
 * Field extension for values that are the same for every member of the channel they are selected in. A selection of such
 * fields is executed once and shared by all its subscribers; any other is executed for each subscriber.
 */
export const shareable = { isShareable: true };

/**
 * Field extension for values written by another user, whom some members may have blocked. They are shared when selected on
 * the event itself, where live delivery filters them for each reader; selected deeper, they are executed for each subscriber.
 */
export const shareableOfEvent = { isShareable: 'ofEvent' };

/** Field extension for the fields that lead from the event of a subscription to the value that it is about. */
export const shareableAsEvent = { isShareable: 'asEvent' };

/**
 * Field extension for objects that are the same for every member, but have fields that are shared on the event itself alone. Below
 * it, such fields count as selected on the event.
 */
export const shareablePartOfEvent = { isShareable: 'partOfEvent' };

/** Type extension for events that are executed for each viewer. */
export const ownEvent = { isOwn: true };

/** Field extension that every String among the arguments declares: its kind, by which the domain reads it, and its bound. */
export const textOf = (kind: TextKind, bounds: Bounds = {}) => ({ ...bounds, text: kind });

/** Cursors contain the key of their node, such as a user's name, in base64url. */
const cursorBounds = textOf('cursor', { maxBytes: 2_048 });

/**
 * Field extension for fields that run a statement or more of their own.
 * @param points work of one value in points: an object of a page is one point
 */
export const costs = (points: number) => ({ cost: points });

/**
 * Field extension that every list without a page argument declares, for its price.
 * @param length maximum number of items; 1 for the lists of a page, whose items are counted with the page
 */
export const listOf = (length: number) => ({ listLength: length });

/** The schema builder that every file of `schema/` adds its types and fields to. Fields are non-null by default. */
export const builder = new SchemaBuilder<{
  Context: Context;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: { list: false; items: false };
  DefaultNodeNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date | string };
    JSON: { Input: unknown; Output: string };
    Upload: { Input: FilePart; Output: never };
  };
}>({
  plugins: [RelayPlugin],
  defaultFieldNullability: false,
  relay: {
    cursorType: 'String',
    idFieldOptions: {
      description: 'Opaque and globally unique. Pass it to `node` to fetch the object again.',
      extensions: shareable,
    },
    encodeGlobalID: (type, uuids) => encodeId(type as NodeType, String(uuids)),
    decodeGlobalID: (id) => {
      const { type, uuids } = decodeId(id) ?? { type: 'Unknown', uuids: '' };
      return { typename: type, id: uuids };
    },
    nodeTypeOptions: { description: 'An object with an id that `node` can fetch.' },
    nodeQueryOptions: {
      description:
        'The object with this id, of any type. Null if it does not exist or the viewer has no access to it. UNAUTHENTICATED if the token is invalid.',
      args: { id: { description: 'An `id` from an earlier response.' } },
      resolve(_root, { id }, context, _info, resolveNode) {
        optionalViewer(context);
        return id.typename === 'Unknown' ? null : resolveNode(id);
      },
    },
    nodesQueryOptions: false,
    nodesOnConnection: { description: 'The nodes of the page.', extensions: listOf(1) },
    edgesFieldOptions: {
      description: 'The nodes of the page, each with its cursor.',
      extensions: listOf(1),
      nullable: { list: false, items: false },
    },
    nodeFieldOptions: { description: 'The node of this edge.', nullable: false },
    cursorFieldOptions: { description: 'Pass as `after` or `before` to continue from this edge.' },
    pageInfoTypeOptions: { description: 'Position of a page in its connection.' },
    pageInfoFieldOptions: { description: 'Whether there are more pages, and the cursors to fetch them with.' },
    hasNextPageFieldOptions: { description: 'Whether there are nodes after `endCursor`.' },
    hasPreviousPageFieldOptions: { description: 'Whether there are nodes before `startCursor`.' },
    startCursorFieldOptions: {
      description: 'Cursor of the first edge. Pass it as `before` to fetch the previous page.',
    },
    endCursorFieldOptions: { description: 'Cursor of the last edge. Pass it as `after` to fetch the next page.' },
    firstArgOptions: {
      description: 'Number of nodes to return from the beginning, or from `after`: at most 100, 50 by default.',
    },
    afterArgOptions: { description: 'Returns only nodes after this cursor.', extensions: cursorBounds },
    lastArgOptions: { description: 'Number of nodes to return from the end, or before `before`: at most 100.' },
    beforeArgOptions: { description: 'Returns only nodes before this cursor.', extensions: cursorBounds },
  },
});

builder.queryType({ description: 'Everything that can be read.' });
builder.mutationType({
  description:
    'Everything that can be done. Every field is nullable: a mutation that fails is null with an error and leaves the others alone.',
});
builder.subscriptionType({
  description: 'Everything that can be followed live, over WebSocket, server-sent events or multipart responses.',
});
