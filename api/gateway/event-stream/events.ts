/** Text that says nothing, for streams that are idle. */
export const keepAlive = Buffer.from(':\n\n');

/** Returns the event that ends an operation. @param idJson the operation's id, as JSON */
export function completeEvent(idJson: string): string {
  return `event: complete\ndata: {"id":${idJson}}\n\n`;
}

/** Returns the events of an operation that ends with errors: the protocol has no other place for them than a result. */
export function failureEvents(id: string, errors: readonly object[]): string {
  const idJson = JSON.stringify(id);
  return resultEvent(idJson, { errors }) + completeEvent(idJson);
}

/** Returns the event with a result of an operation. @param idJson the operation's id, as JSON */
function resultEvent(idJson: string, result: object): string {
  return `event: next\ndata: {"id":${idJson},"payload":${JSON.stringify(result)}}\n\n`;
}
