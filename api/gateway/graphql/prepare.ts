import {
  type DocumentNode,
  type ExecutionArgs,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  parse,
} from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import type { Context } from '../../../schema/context.ts';
import { addressGroup } from '../../address.ts';
import type { Sink } from '../../live/subscriber.ts';
import { maxParsedLetters } from '../request-limits.ts';
import { createClientTurns } from './client-turns.ts';
import type { Documents } from './documents.ts';
import { type MapError, noOperationMessage } from './errors.ts';
import type { GraphQLServer } from './graphql.ts';
import { createTextCache } from './text-cache.ts';

/** A parsed document with its validation errors. */
interface ParsedDocument {
  schema: GraphQLSchema;
  document: DocumentNode;
  errors: readonly GraphQLError[];
}

/** Execution arguments with the sink of live results. */
export interface Prepared extends ExecutionArgs {
  sink: Sink;
  /** Error that is the result of the operation, in place of executing it. */
  refusal?: GraphQLError;
}

/** An operation to prepare. */
interface OperationRequest {
  payload: SubscribePayload;
  context: Context;
  /** Destination of live results. */
  sink: Sink;
}

/** Document of an operation whose document is not known. */
const unknownDocument = parse('{ __typename }');

/**
 * Creates the function that finds the document of an operation of a WebSocket, and parses and validates it in its client's turn.
 * Those of one client keep their order, unless the document of one must be looked up.
 *
 * It takes the destination of live results as `sink`, and returns the operation's errors, or the arguments to execute it.
 * @param options.mapError maps an error to the one that the client sees
 */
export function createPrepare(options: { graphql: GraphQLServer; documents: Documents; mapError: MapError }) {
  const { graphql, documents, mapError } = options;
  const parsed = createTextCache<ParsedDocument>(maxParsedLetters);
  const inTurnOfClient = createClientTurns();

  return async function prepareOperation(
    payload: SubscribePayload,
    context: Context,
    sink: Sink,
  ): Promise<Prepared | readonly GraphQLError[]> {
    const client = context.viewer?.userId ?? addressGroup(context.address);
    const request = { payload, context, sink };
    try {
      const found = documents.textOf(payload);
      const text = typeof found === 'string' ? found : await found;
      return await inTurnOfClient(client, () => prepare(text, request));
    } catch (error) {
      return refuse(mapError(error), request);
    }
  };

  function prepare(text: string, { payload, context, sink }: OperationRequest): Prepared | readonly GraphQLError[] {
    const { schema, document, errors } = read(text);
    const operationName = payload.operationName || null;
    // Before the validation's errors, as over HTTP.
    if (!getOperationAST(document, operationName)) return [mapError(new GraphQLError(noOperationMessage))];
    if (errors.length > 0) return errors.map((error) => mapError(error));
    return {
      sink,
      schema,
      document,
      operationName,
      variableValues: payload.variables ?? {},
      contextValue: context,
    };
  }

  /** @throws GraphQLError if the text cannot be parsed; that result is not cached */
  function read(text: string): ParsedDocument {
    const present = parsed.get(text);
    if (present) return present;
    const { schema, parse: parseText, validate } = graphql.getEnveloped();
    const document = parseText(text);
    const made = { schema, document, errors: validate(schema, document) };
    parsed.set(text, made);
    return made;
  }

  /**
   * Clients of persisted queries look for this error in a result: only then do they send the text. Over an `error` message they
   * give up.
   */
  function refuse(error: GraphQLError, { context, sink }: OperationRequest): Prepared | readonly GraphQLError[] {
    if (error.extensions['code'] !== 'PERSISTED_QUERY_NOT_FOUND') return [error];
    const { schema } = graphql.getEnveloped();
    return { sink, schema, document: unknownDocument, contextValue: context, refusal: error };
  }
}
