/**
 * CORS settings of the API (https://fetch.spec.whatwg.org/#http-cors-protocol). Any origin may send requests: tokens travel
 * in a header, which a browser never adds by itself, so that no credentials are involved.
 */
export const cors = { origin: '*', credentials: false, exposedHeaders: ['x-request-id'] };

/** Headers of a request that responses of the API depend on (RFC 9110, section 12.5.5). */
export const vary = 'Accept, Authorization, Origin';
