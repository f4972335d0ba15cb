/** Of one HTTP request, in bytes. */
export const maxRequestBytes = 1_048_576;

/** Operations of one HTTP request. */
export const maxBatch = 10;

/** Letters of one operation's text. */
export const maxQueryLength = 65_536;

/** Of one WebSocket message, in bytes: one operation and its variables. */
export const maxSocketMessageBytes = 131_072;

/** Objects that one operation may answer with, by the sizes of its pages. */
export const maxObjects = 5_000;

/** Letters of all operations that are kept parsed. */
export const maxParsedLetters = 1_048_576;

/** Levels of fields in one operation, those of fragments included; introspection is not counted. */
export const maxDepth = 12;

/** Aliases in one operation. */
export const maxAliases = 30;

/** Words and signs of one operation's text. */
export const maxTokens = 2_000;

/** Letters of all operations that are kept for clients that send a hash instead. */
export const maxStoredLetters = 4_194_304;

/** Of each field of a multipart request that is no file, in bytes. */
export const maxMultipartFieldBytes = 131_072;

/** Files of one request. */
export const maxUploadsPerRequest = 10;

/** How slowly a client may send a request, in bytes a second. */
export const slowestBytesPerSecond = 16_384;

/** Fields of a multipart request that are no files: `operations` and `map`. */
export const maxMultipartFields = 2;
