/** Traffic of a server: WebSockets and streams over HTTP, which carry deliveries, or the other responses. */
export const trafficKinds = ['streams', 'responses'] as const;

export type TrafficKind = (typeof trafficKinds)[number];

/** Bytes of a response in which its headers are looked for. */
const maxHeadBytes = 16_384;

/**
 * Creates a function that takes the chunks that a server sends over one connection, in their order, and returns the kind of each. It
 * reads the head of a response at the beginning of a chunk: over HTTP/1.1, a server sends it by itself or with its body behind it.
 */
export function createTrafficMeter(): (chunk: Buffer) => TrafficKind {
  let kind: TrafficKind = 'responses';
  let isUpgraded = false;

  return (chunk) => {
    if (isUpgraded || chunk.toString('latin1', 0, 9) !== 'HTTP/1.1 ') return kind;
    const [head = ''] = chunk.toString('latin1', 0, maxHeadBytes).split('\r\n\r\n', 1);
    // Only frames of the new protocol follow 101 (RFC 9110, section 15.2.2).
    isUpgraded = head.startsWith('HTTP/1.1 101 ');
    kind = isUpgraded || isStream(head) ? 'streams' : 'responses';
    return kind;
  };
}

function isStream(head: string): boolean {
  return /\r\ncontent-type: *(?:text\/event-stream|multipart\/mixed)\b/i.test(head);
}
