/** Does nothing: a handler for an error or a result that does not matter. */
export function ignore(): void {}
