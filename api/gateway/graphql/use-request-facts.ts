import type { ExecutionArgs } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Context } from '../../../schema/context.ts';
import { operationLabel } from './operation-label.ts';
import type { RequestContext } from './server-context.ts';

/** Adds the operations of a request over HTTP and its user to the request's line in the log. */
export const useRequestFacts: Plugin = {
  onExecute: ({ args }) => addFacts(args),
  onSubscribe: ({ args }) => addFacts(args),
};

function addFacts({ document, operationName, contextValue }: ExecutionArgs): void {
  const { facts, viewer } = contextValue as Partial<RequestContext & Context>;
  if (!facts) return;
  facts.operations = [...(facts.operations ?? []), operationLabel(document, operationName)];
  if (viewer) facts.userId = viewer.userId;
}
