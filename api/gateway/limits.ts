/** Of one HTTP request or WebSocket message, in bytes. */
export const maxRequestBytes = 1_048_576;

/** Operations of one HTTP request. */
export const maxBatch = 10;

/** Levels of fields in one operation, those of fragments included; introspection is not counted. */
export const maxDepth = 12;

/** Aliases in one operation. */
export const maxAliases = 30;

/** Words and signs of one operation's text. */
export const maxTokens = 2_000;

/** Texts of operations that are kept for clients that send a hash instead. */
export const maxStoredQueries = 1_000;
