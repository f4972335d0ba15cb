import { type DocumentNode, getOperationAST } from 'graphql';

const maxNameLength = 100;

/** Returns kind and name of an operation for the log, such as `query Rooms`, or the kind alone if it has no name. */
export function operationLabel(document: DocumentNode, operationName: string | null | undefined): string {
  const definition = getOperationAST(document, operationName);
  if (!definition) return 'unknown';
  const { operation, name } = definition;
  return name ? `${operation} ${name.value.slice(0, maxNameLength)}` : operation;
}
