/** Order to disturb a server by many clients for a while. */
export type CrowdOrder = { url: string; forMs: number; channelId: string } & (
  | {
      /** One guest with 500 subscriptions in a room, no two alike, while another member sends `rate` messages a second. */
      party: 'audiences';
      follower: string;
      speaker: string;
      rate: number;
    }
  | {
      /** Members of a room who follow their lists of channels, while one of them sends `rate` messages a second. */
      party: 'followers';
      followers: readonly string[];
      speaker: string;
      rate: number;
    }
  | {
      /** One user who counts the unread messages of a channel by twenty queries at once, again and again. */
      party: 'unread';
      reader: string;
    }
);

/** Effect of an order. */
export interface CrowdReport {
  /** Results of subscriptions. */
  received: number;
  /** Operations that the server refused. */
  refused: number;
  /** Sends and queries that succeeded. */
  sent: number;
}
