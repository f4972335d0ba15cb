/** Returns the key under which the content of an upload is stored. */
export const fileKey = (id: string): string => `file/${id}`;

/** Returns the key under which the thumbnail of a picture is stored. */
export const thumbnailKey = (id: string): string => `thumbnail/${id}`;

/** Returns the key under which the unprocessed content of an upload is stored until it is processed. */
export const rawKey = (id: string): string => `raw/${id}`;

const keyPattern = /^(?:file|thumbnail|raw)\/[\da-f-]{36}$/;

/** Tells whether a key is one of the above; the store may hold objects of other applications. */
export const isFileKey = (key: string): boolean => keyPattern.test(key);

/** Tells whether a key of an upload is that of its unprocessed content. */
export const isRawKey = (key: string): boolean => key.startsWith('raw/');

/** Returns the id of the upload to which a key belongs. */
export const uploadIdOf = (key: string): string => key.split('/')[1] ?? '';
