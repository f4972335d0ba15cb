/** Maximum size of one HTTP request without files, in bytes. */
export const maxRequestBytes = 1_048_576;

/** Maximum number of operations in one batched HTTP request. */
export const maxBatch = 10;

/** Maximum length of an operation's text, in UTF-16 code units. */
export const maxQueryLength = 65_536;

/** Maximum size of one WebSocket message, in bytes: an operation with its variables. */
export const maxSocketMessageBytes = 131_072;

/** Maximum number of frames of one WebSocket message: each costs memory of its own. */
export const maxSocketFragments = 128;

/** Maximum number of reads from the network that one frame of a WebSocket may take: each costs memory of its own. */
export const maxSocketChunks = 512;

/** Maximum length of the id of an operation over a WebSocket, in UTF-16 code units. */
export const maxOperationIdLength = 128;

/** Maximum number of wrong values among an operation's variables that are described; one more error says that there are others. */
export const maxVariableErrors = 10;

/** Maximum depth of the objects and lists of a JSON text: the body of a request, a message, or a field of a form. */
export const maxJsonDepth = 64;

/** Maximum number of values in a JSON text. */
export const maxJsonValues = 10_000;

/** Maximum cost of an operation, or of all operations in a batch, in points (`graphql/price.ts`). */
export const maxCost = 7_500;

/** Maximum cost of the selection that a subscription executes for each of its events, in points. */
export const maxEventCost = 500;

/** Maximum size of the response to one request or operation, in bytes: its text is made in one turn of the event loop. */
export const maxResponseBytes = 4_194_304;

/** Maximum total length of the operations in a cache of parsed documents, in UTF-16 code units. */
export const maxParsedLetters = 1_048_576;

/** Maximum depth of an operation's fields, fragments included. Introspection is not limited. */
export const maxDepth = 12;

/** Maximum number of aliases in an operation. */
export const maxAliases = 30;

/** Maximum number of lexical tokens in an operation's text. */
export const maxTokens = 2_000;

/** Maximum size of `operations` and of `map` in a multipart request, in bytes. */
export const maxMultipartFieldBytes = 131_072;

/** Maximum number of files in a multipart request. */
export const maxUploadsPerRequest = 10;

/** Number of fields in a multipart request that are not files: `operations` and `map`. */
export const maxMultipartFields = 2;
