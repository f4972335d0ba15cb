/** The client that a request comes from. */
export interface Origin {
  /** IP address. */
  address: string;
  /** The `User-Agent` header; empty without one. */
  userAgent: string;
  /** Id under which the request, or its connection, is logged. */
  requestId: string;
}
