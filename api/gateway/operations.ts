import { type ExecutionArgs, type ExecutionResult, GraphQLError } from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import type { Context } from '../../schema/context.ts';
import type { GraphQLServer } from './graphql.ts';

type Enveloped = ReturnType<GraphQLServer['getEnveloped']>;

/** Execution arguments that know by which plugins they are to run. */
interface Prepared extends ExecutionArgs {
  enveloped: Enveloped;
}

/**
 * Operations that come over a WebSocket, with the same plugins as those over HTTP.
 * @param mask what a client sees of an error
 */
export function createOperations(graphql: GraphQLServer, mask: (error: unknown) => GraphQLError) {
  async function prepare(payload: SubscribePayload, context: Context): Promise<readonly GraphQLError[] | Prepared> {
    const enveloped: Enveloped = graphql.getEnveloped({ context });
    const { schema, parse, validate, contextFactory } = enveloped;
    const document = parse(payload.query);
    const errors = validate(schema, document);
    if (errors.length > 0) return errors.map(mask);
    return {
      enveloped,
      schema,
      document,
      operationName: payload.operationName ?? null,
      variableValues: payload.variables ?? {},
      contextValue: await contextFactory(),
    };
  }

  return {
    /** Parses and validates an operation; answers its errors, or what `execute` and `subscribe` take. */
    prepare: (payload: SubscribePayload, context: Context) =>
      prepare(payload, context).catch((error: unknown) => [mask(error)]),
    execute: (args: ExecutionArgs): Promise<ExecutionResult> => envelopedOf(args).execute(args),
    subscribe: (args: ExecutionArgs): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> =>
      envelopedOf(args).subscribe(args),
  };
}

function envelopedOf(args: ExecutionArgs): Enveloped {
  if ('enveloped' in args) return args.enveloped as Enveloped;
  throw new GraphQLError('an operation was not prepared');
}
