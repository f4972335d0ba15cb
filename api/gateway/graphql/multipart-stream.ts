import type { StreamFormat } from './result-stream.ts';

const plainType = 'multipart/mixed;boundary="graphql"';
const subscriptionType = `${plainType};subscriptionSpec=1.0`;

/**
 * Returns the format `multipart/mixed`: one part for each result, and an empty object as a keep-alive.
 * @param isSubscription whether it follows Apollo's protocol of subscriptions, in which a part has the result as `payload`
 *   (https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol)
 */
export function multipartFormat(isSubscription: boolean): StreamFormat {
  return {
    type: isSubscription ? subscriptionType : plainType,
    start: '--graphql',
    part: (result) => partOf(JSON.stringify(isSubscription ? { payload: result } : result)),
    keepAlive: partOf('{}'),
    end: '--\r\n',
  };
}

/** The boundary follows each part at once, so that its reader need not wait for the next one. */
function partOf(json: string): string {
  return `\r\nContent-Type: application/json\r\n\r\n${json}\r\n--graphql`;
}
