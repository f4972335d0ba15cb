import type { Wire } from '../wire.ts';

/** Server to measure, with its rooms. */
export interface Target {
  name: string;
  /** Id of the process that holds the connections. */
  pid: number;
  /**
   * Connects a client and subscribes it to its rooms.
   * @param onDeliveries called with the number of messages in a frame, and the text of the frame
   */
  follow(connection: number, onDeliveries: (count: number, text: Buffer) => void): Promise<Wire>;
  /** Sends a message to every subscriber of a room. */
  publish(room: number, text: string): void;
  stop(): Promise<void>;
}
